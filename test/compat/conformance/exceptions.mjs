// Lists the scenarios and single checks of the conformance suite that do not apply to `mcp-once serve`, with reasons.
// `npm run conformance` fails for an unlisted check that fails, and for a listed check that passes.

const noResources = 'mcp-once serves tools and no resources';
const noPrompts = 'mcp-once serves tools and no prompts';
const noCompletions = 'mcp-once serves tools, and arguments of tools have no completions';
const noLogging = 'mcp-once sends no log messages to clients; it logs to stderr';
const asksPersons = 'the tools ask people with forms (elicitation); they use neither sampling nor roots';
const noTasks =
  'the extension io.modelcontextprotocol/tasks is not supported; the ledger keeps the outcome, and the same call returns it';

const listed = (reason, ...scenarios) => scenarios.map((scenario) => ({ scenario, reason }));

/** @type {{ scenario: string, checks?: string[], runs?: string[], reason: string }[]} `runs`: the runs that it applies to; all without it */
export const exceptions = [
  ...listed(
    noResources,
    'resources-list',
    'resources-read-text',
    'resources-read-binary',
    'resources-templates-read',
    'resources-subscribe',
    'resources-unsubscribe',
    'sep-2164-resource-not-found',
  ),
  ...listed(
    noPrompts,
    'prompts-list',
    'prompts-get-simple',
    'prompts-get-with-args',
    'prompts-get-embedded-resource',
    'prompts-get-with-image',
    'input-required-result-non-tool-request',
  ),
  ...listed(noCompletions, 'completion-complete'),
  ...listed(noLogging, 'logging-set-level', 'tools-call-with-logging'),
  ...listed(
    asksPersons,
    'tools-call-sampling',
    'input-required-result-basic-sampling',
    'input-required-result-basic-list-roots',
    'input-required-result-multiple-input-requests',
    'input-required-result-capability-check',
  ),
  ...listed(
    'the scenario replies without a requestState before any question; a reply counts only with the requestState of its question',
    'input-required-result-ignore-extra-params',
  ),
  ...listed(
    noTasks,
    'tasks-lifecycle',
    'tasks-capability-negotiation',
    'tasks-wire-fields',
    'tasks-request-state-removal',
    'tasks-mrtr-input',
    'tasks-request-headers',
    'tasks-dispatch-and-envelope',
    'tasks-status-notifications',
    'tasks-required-task-error',
    'tasks-mrtr-composition',
  ),
  {
    scenario: 'server-sse-polling',
    checks: ['server-sse-priming-event', 'server-sse-retry-field'],
    runs: ['2025-11-25'],
    reason: 'this suite calls as a client of 2025-03-26, which has no such events; the newer suite checks them',
  },
  {
    scenario: 'caching',
    checks: [
      'sep-2549-prompts-list-caching-hints',
      'sep-2549-resources-list-caching-hints',
      'sep-2549-resources-templates-list-caching-hints',
      'sep-2549-resources-read-caching-hints',
    ],
    reason: 'mcp-once serves tools, and neither prompts nor resources',
  },
  {
    scenario: 'server-stateless',
    checks: ['sep-2575-server-rejects-undeclared-capability'],
    reason:
      'the check expects -32021 for sampling; mcp-once uses it for elicitation, the only capability that a tool can need',
  },
  {
    scenario: 'server-stateless',
    checks: ['sep-2575-server-sends-prompts-list-changed-on-subscription'],
    reason: noPrompts,
  },
];
