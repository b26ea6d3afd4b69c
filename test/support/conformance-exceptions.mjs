// The scenarios of the conformance suite, or single checks of them, that do not apply to `mcp-once serve`, and why.
// `npm run conformance` fails for one that is not passed and not listed here, and for one that is listed and passes.

const noResources = 'it serves tools, and no resources';
const noPrompts = 'it serves tools, and no prompts';
const noCompletions = 'it serves tools, whose arguments have no completions';
const noLogging = 'it sends clients no log: its log is its own stderr, and the ledger';
const asksNothing =
  'its tools ask the client for nothing while they run: an operation that was dispatched does not wait';
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
    asksNothing,
    'tools-call-sampling',
    'tools-call-elicitation',
    'elicitation-sep1034-defaults',
    'elicitation-sep1330-enums',
    'input-required-result-basic-elicitation',
    'input-required-result-basic-sampling',
    'input-required-result-basic-list-roots',
    'input-required-result-request-state',
    'input-required-result-multiple-input-requests',
    'input-required-result-multi-round',
    'input-required-result-missing-input-response',
    'input-required-result-result-type',
    'input-required-result-tampered-state',
    'input-required-result-capability-check',
    'input-required-result-validate-input',
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
    checks: ['sep-2575-server-rejects-undeclared-capability', 'sep-2575-missing-capability-http-400'],
    reason: 'no tool needs a capability of the client',
  },
  {
    scenario: 'server-stateless',
    checks: ['sep-2575-server-sends-prompts-list-changed-on-subscription'],
    reason: noPrompts,
  },
];
