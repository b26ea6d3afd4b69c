// The scenarios of the conformance suite, or single checks of them, that do not apply to `mcp-once serve`, and why.
// `npm run conformance` fails for one that is not passed and not listed here, and for one that is listed and passes.

const noResources = 'it serves tools, and no resources';
const noPrompts = 'it serves tools, and no prompts';
const noCompletions = 'it serves tools, whose arguments have no completions';
const noLogging = 'it sends clients no log: its log is its own stderr, and the ledger';
const asksPersons = 'its tools ask a person, by a form (elicitation): they ask no model (sampling), and for no roots';
const noTasks =
  'the extension io.modelcontextprotocol/tasks is not served: the ledger keeps the outcome, and the same call again asks for it';

const listed = (reason, ...scenarios) => scenarios.map((scenario) => ({ scenario, reason }));

/** @type {{ scenario: string, checks?: string[], runs?: string[], reason: string }[]} `runs`: only in these */
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
    'it answers before it was asked, with no requestState: an answer counts only with that of its question',
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
    reason: 'this suite calls as a client of 2025-03-26, which knows no such events; the newer suite sees them',
  },
  {
    scenario: 'caching',
    checks: [
      'sep-2549-prompts-list-caching-hints',
      'sep-2549-resources-list-caching-hints',
      'sep-2549-resources-templates-list-caching-hints',
      'sep-2549-resources-read-caching-hints',
    ],
    reason: 'it serves tools, and no prompts or resources',
  },
  {
    scenario: 'server-stateless',
    checks: ['sep-2575-server-rejects-undeclared-capability'],
    reason: 'it wants -32021 to name sampling: here it names elicitation, which is the one that a tool can need',
  },
  {
    scenario: 'server-stateless',
    checks: ['sep-2575-server-sends-prompts-list-changed-on-subscription'],
    reason: noPrompts,
  },
];
