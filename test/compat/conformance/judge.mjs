// Judges a run of the conformance suite: each scenario and check must pass, unless it is listed as not applicable.

/** Checks of the message schema. The suite adds them to scenarios that do not apply, too. */
const always = new Set(['wire-schema-valid', 'wire-schema-harness-error']);

/** The texts that tools must return in checks that pass with any text. */
const said = {
  'tools-call-simple-text': ({ content, isError }) =>
    isError !== true && content[0].text === 'This is a simple text response for testing.',
  'tools-call-error': ({ content, isError }) =>
    isError === true && content[0].text.includes('This tool intentionally returns an error for testing'),
};

/**
 * @param {string} run the name of the run, as in an exception's `runs`
 * @param {Map<string, object>} checks the checks of one run, by `scenario/check#n`
 * @param exceptions as in `exceptions.mjs`
 * @returns the scenarios that passed (except listed checks), those that do not apply, and the faults: unlisted checks that
 *   failed, and listed checks that passed
 */
export function judge(run, checks, exceptions) {
  const here = exceptions.filter(({ runs }) => runs === undefined || runs.includes(run));
  const passed = [];
  const excepted = [];
  const faults = [];
  for (const [scenario, own] of byScenario(checks)) {
    const listed = here.filter((each) => each.scenario === scenario);
    const whole = listed.find((each) => each.checks === undefined);
    const single = new Set(listed.flatMap((each) => each.checks ?? []));
    const isListed = ({ id }) => !always.has(id) && (whole !== undefined || single.has(id));
    const wrong = own.filter((check) => faultOf(check) !== undefined);
    const open = wrong.filter((check) => !isListed(check));
    for (const check of open) faults.push(`${scenario}/${check.id}: ${faultOf(check)}`);
    if (whole && wrong.length === 0) faults.push(`${scenario} is listed as not applicable, and passed`);
    for (const id of single) {
      const failed = wrong.some((check) => check.id === id);
      const isThere = own.some((check) => check.id === id);
      if (isThere && !failed) faults.push(`${scenario}/${id} is listed as not applicable, and passed`);
    }
    if (whole) excepted.push(scenario);
    else if (open.length === 0) passed.push(scenario);
  }
  return { passed, excepted, faults };
}

/** Returns the listed scenarios and checks that occurred in no run. */
export function unmet(runs, exceptions) {
  const met = new Set(runs.flatMap((checks) => [...byScenario(checks)].flatMap(([name, own]) => namesOf(name, own))));
  return exceptions
    .flatMap(({ scenario, checks }) => (checks ? checks.map((id) => `${scenario}/${id}`) : [scenario]))
    .filter((name) => !met.has(name));
}

function namesOf(scenario, own) {
  return [scenario, ...own.map(({ id }) => `${scenario}/${id}`)];
}

function byScenario(checks) {
  const scenarios = new Map();
  for (const [name, check] of checks) {
    const scenario = name.slice(0, name.indexOf('/'));
    scenarios.set(scenario, [...(scenarios.get(scenario) ?? []), check]);
  }
  return scenarios;
}

/** Returns why a check did not pass; undefined when it passed. A skipped check did not pass. */
function faultOf({ id, status, errorMessage, details }) {
  if (status === 'INFO') return undefined;
  if (status !== 'SUCCESS') return `${status}: ${errorMessage ?? JSON.stringify(details ?? {})}`;
  if (!Object.hasOwn(said, id) || said[id](details.result)) return undefined;
  return `passed with another text: ${JSON.stringify(details.result).slice(0, 300)}`;
}
