import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, type TestContext, test } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/conformance.mjs', import.meta.url));

interface Compared {
  readonly side: string;
  readonly rows: readonly { readonly name: string; readonly direct: string; readonly through: string }[];
  readonly differences: readonly string[];
  readonly additions: number;
}

interface Judged {
  readonly run: string;
  readonly passed: readonly string[];
  readonly excepted: readonly string[];
  readonly faults: readonly string[];
}

interface Report {
  readonly runs: readonly Judged[];
  readonly unmet: readonly string[];
  readonly inspected: readonly {
    readonly transport: string;
    readonly era: string;
    readonly faults: readonly string[];
  }[];
  readonly checks: number;
  readonly sessions: number;
  readonly failed: readonly string[];
  readonly compared: readonly Compared[];
}

/** Skips, and says why, where there is no Node 22 for the suite and none can be installed. */
async function conformance(context: TestContext, args: readonly string[]): Promise<{ code: number; report: Report }> {
  const { code, stdout, stderr } = await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const options = { maxBuffer: 64 * 1024 * 1024, signal: context.signal };
    execFile(process.execPath, [script, '--json', ...args], options, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, stdout: out, stderr: err });
    });
  });
  if (code === 3) context.skip(stderr.trim());
  if (stdout === '') throw new Error(`no report (exit code ${code}): ${stderr}`);
  return { code, report: JSON.parse(stdout) as Report };
}

const upstreams = { stdio: ['guarded', 'passing'], http: ['http'] };

test.for(Object.entries(upstreams))(
  'every server scenario of the conformance suite gives the same checks and answers through the proxy: %s',
  {
    timeout: 120_000,
  },
  async ([, sides], context) => {
    const { code, report } = await conformance(
      context,
      sides.flatMap((side) => ['--side', side]),
    );
    expect(report.failed).toEqual([]);
    expect(report.checks).toBe(50);
    expect(report.sessions).toBe(32);
    expect(report.compared.map(({ side, differences }) => ({ side, differences }))).toEqual(
      sides.map((side) => ({ side, differences: [] })),
    );
    // What was not looked at because it is ours: nothing where no tool is guarded.
    for (const { side, additions } of report.compared) expect(additions > 0).toBe(side !== 'passing');
    expect(code).toBe(0);
  },
);

test('control: the comparison detects a relay that passes all checks of the suite and alters other data', {
  timeout: 60_000,
}, async (context) => {
  const scenarios = ['tools-call-simple-text', 'tools-call-error'];
  const { code, report } = await conformance(context, [
    ...['--side', 'lossy'],
    ...scenarios.flatMap((name) => ['--scenario', name]),
  ]);
  const [lossy] = report.compared;
  expect(lossy?.rows.map(({ direct, through }) => [direct, through])).toEqual([
    ['SUCCESS', 'SUCCESS'],
    ['SUCCESS', 'SUCCESS'],
  ]);
  expect(lossy?.differences).toEqual([
    expect.stringMatching(/^check tools-call-simple-text\/.*unknown is .* directly, nothing through the proxy$/),
    expect.stringMatching(/^check tools-call-error\/.*"Something went wrong." through the proxy$/),
    expect.stringMatching(/^messages in session 1: /),
    expect.stringMatching(/^messages in session 2: /),
  ]);
  expect(code).toBe(1);
});

test('mcp-once serve --http passes every applicable server scenario of both protocol revisions', {
  timeout: 180_000,
}, async (context) => {
  const { code, report } = await conformance(context, ['--part', 'serve']);
  expect(report.runs.flatMap(({ run, faults }) => faults.map((fault) => `${run}: ${fault}`))).toEqual([]);
  expect(report.unmet).toEqual([]);
  expect(report.runs.map(({ run, passed, excepted }) => [run, passed.length, excepted.length])).toEqual([
    ['2025-11-25', 17, 15],
    ['2025-11-25 (0.2)', 18, 15],
    ['2026-07-28 (0.2)', 23, 27],
  ]);
  expect(code).toBe(0);
});

test('the Inspector gets one effect and its replay over HTTP and stdio in both protocol revisions', {
  timeout: 180_000,
}, async (context) => {
  const { code, report } = await conformance(context, ['--part', 'inspector']);
  expect(report.inspected).toEqual(
    ['http', 'stdio'].flatMap((transport) => ['legacy', 'modern'].map((era) => ({ transport, era, faults: [] }))),
  );
  expect(code).toBe(0);
});
