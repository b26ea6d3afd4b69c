// Reads the judged lists of public MCP servers' tools, and compares decisions with them.
// A list is in our own form: of each tool its name, the names and types of its arguments, its hints (r readOnlyHint, d
// destructiveHint, i idempotentHint; R and D for false), the beginning of its description where that decides, and what is right:
// read, create, state, repeatable, delete, or "per call" where some calls read.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../test/wrap/policies/lists', import.meta.url));

export function readLists() {
  return readdirSync(folder)
    .sort()
    .map((file) => {
      const { server, source, tools } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      const listed = Object.entries(tools).map(([name, entry]) => ({ right: entry.right, tool: toolOf(name, entry) }));
      return { name: file.replace('.json', ''), server, source, tools: listed };
    });
}

function toolOf(name, { args = {}, required = [], hints = '', says }) {
  const schemaOf = (type) => (Array.isArray(type) ? { type: 'string', enum: type } : type === 'any' ? {} : { type });
  const properties = Object.fromEntries(Object.entries(args).map(([each, type]) => [each, schemaOf(type)]));
  const hint = (yes, no) => (hints.includes(yes) ? true : hints.includes(no) ? false : undefined);
  const annotations = {
    readOnlyHint: hint('r', 'R'),
    destructiveHint: hint('d', 'D'),
    idempotentHint: hint('i', 'I'),
  };
  return { name, description: says, inputSchema: { type: 'object', properties, required }, annotations };
}

/** Reduces a decision to the words of the lists. */
export function kindOf(decision) {
  if (decision.type === 'pass') return 'read';
  if (decision.reads !== undefined) return 'per call';
  return decision.effect === 'delete' ? 'delete' : decision.class;
}

/** Whether a write would pass only by its name: no annotation, no policy and no rule says that it reads. */
function isUnguardedWrite(right, decision) {
  return right !== 'read' && decision.type === 'pass' && decision.because === 'name';
}

/** Compares all decisions with the lists, without and with the policies. */
export function judgeServers({ decideGuard, findPolicy, serverPolicies }) {
  const rules = { trustAnnotations: 'readOnly', tools: {} };
  return readLists().map(({ name, server, source, tools }) => {
    const policy = findPolicy(serverPolicies, { name: server, tools: new Set(tools.map(({ tool }) => tool.name)) });
    const judged = tools.map(({ right, tool }) => {
      const [plain, decided] = [decideGuard(tool, rules), decideGuard(tool, rules, policy)];
      return { tool: tool.name, right, plain: kindOf(plain), decided: kindOf(decided), decision: decided };
    });
    return {
      name,
      source,
      policy: policy?.name,
      tools: judged.length,
      plainRight: judged.filter((each) => each.plain === each.right).length,
      wrong: judged.filter((each) => each.decided !== each.right),
      unguarded: judged.filter((each) => isUnguardedWrite(each.right, each.decision)),
    };
  });
}
