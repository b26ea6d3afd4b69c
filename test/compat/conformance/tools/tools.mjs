// What the conformance suite calls by name, as tools of one's own (`mcp-once serve --tools FOLDER`), and one whose
// effects are counted. They create, so that the ledger is in the way of each.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { defineTool, NotExecuted, z } from 'mcp-once';
import { png, wav } from '../data.mjs';

const { CHANGING = '', EFFECTS = '', RELEASE = '' } = process.env;
const nothing = z.strictObject({});
const text = (value) => ({ type: 'text', text: value });
const image = { type: 'image', data: png, mimeType: 'image/png' };
const resource = (uri, mimeType, value) => ({ type: 'resource', resource: { uri, mimeType, text: value } });

function tool(name, run, more = {}) {
  return defineTool({
    name,
    title: `The tool ${name}`,
    description: `Does what the scenario of ${name} wants.`,
    effect: 'create',
    input: nothing,
    output: z.any(),
    run,
    ...more,
  });
}

/** A tool whose result says itself how it is shown. */
function contentTool(name, content, more) {
  const made = tool(name, async () => ({ content: [content].flat() }), more);
  return Object.freeze({ ...made, results: 'content', acceptsOutput: (result) => Array.isArray(result?.content) });
}

/**
 * Asks a person one thing after the other, and gives what was answered. Its window is over at once, so that each
 * scenario is asked anew.
 */
function askingTool(name, questions) {
  const run = async (_input, { ask }) => {
    const replies = {};
    for (const [about, question] of Object.entries(questions)) replies[about] = await ask(about, question);
    return replies;
  };
  return tool(name, run, { window: 1 });
}

/** One of several texts, each shown by its title (SEP-1330): `oneOf` for a choice, `anyOf` for one of several. */
function titled(keyword, titles) {
  const choices = Object.entries(titles).map(([value, title]) => ({ const: value, title }));
  return z
    .string()
    .refine((value) => Object.hasOwn(titles, value))
    .meta({ [keyword]: choices });
}

const name = { message: 'What is your name?', schema: z.object({ name: z.string() }) };
const confirm = { message: 'Please confirm', schema: z.object({ ok: z.boolean() }) };
const user = z.object({
  username: z.string().describe("User's response"),
  email: z.string().describe("User's email address"),
});

/** The schema of the suite's scenario, as a tool has it that was not made from zod (SEP-1613, SEP-2106). */
const schema2020 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // biome-ignore lint/suspicious/noThenProperty: it is JSON Schema's.
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

export const tools = [
  contentTool('test_simple_text', text('This is a simple text response for testing.')),
  contentTool('test_image_content', image),
  contentTool('test_audio_content', { type: 'audio', data: wav, mimeType: 'audio/wav' }),
  contentTool('test_embedded_resource', resource('test://embedded-resource', 'text/plain', 'This is embedded.')),
  contentTool('test_multiple_content_types', [
    text('Multiple content types test:'),
    image,
    resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  ]),
  // For the checks of the response's stream: what a tool logs is not the client's.
  tool('test_logging_tool', async (_input, { log }) => log.warn('test_logging_tool was run')),
  askingTool('test_streaming_elicitation', { user_name: name }),
  askingTool('test_missing_capability', { user_name: name }),
  askingTool('test_input_required_result_elicitation', { user_name: name }),
  askingTool('test_input_required_result_request_state', { confirm }),
  askingTool('test_input_required_result_tampered_state', { confirm }),
  askingTool('test_input_required_result_multi_round', {
    step1: { message: 'Step 1: What is your name?', schema: z.object({ name: z.string() }) },
    step2: { message: 'Step 2: What is your favorite color?', schema: z.object({ color: z.string() }) },
  }),
  tool('test_elicitation', async ({ message }, { ask }) => ask('user', { message, schema: user }), {
    input: z.strictObject({ message: z.string() }),
    window: 1,
  }),
  askingTool('test_elicitation_sep1034_defaults', {
    defaults: {
      message: 'Review what is filled in',
      schema: z.object({
        name: z.string().default('John Doe'),
        age: z.int().default(30),
        score: z.number().default(95.5),
        status: z.enum(['active', 'inactive', 'pending']).default('active'),
        verified: z.boolean().default(true),
      }),
    },
  }),
  askingTool('test_elicitation_sep1330_enums', {
    choices: {
      message: 'Choose',
      schema: z.object({
        untitledSingle: z.enum(['option1', 'option2', 'option3']),
        titledSingle: titled('oneOf', { value1: 'First Option', value2: 'Second Option', value3: 'Third Option' }),
        legacyEnum: z.enum(['opt1', 'opt2', 'opt3']).meta({ enumNames: ['Option One', 'Option Two', 'Option Three'] }),
        untitledMulti: z.array(z.enum(['option1', 'option2', 'option3'])),
        titledMulti: z.array(
          titled('anyOf', { value1: 'First Choice', value2: 'Second Choice', value3: 'Third Choice' }),
        ),
      }),
    },
  }),
  tool('test_reconnection', async () => pause(100, 'Reconnection test completed successfully.')),
  tool('test_error_handling', async () => {
    throw new NotExecuted('This tool intentionally returns an error for testing');
  }),
  // Until it is told to end: meanwhile a second call of it waits, and is told of its progress.
  tool('test_tool_with_progress', async (_input, { signal }) => released(signal), { window: 1 }),
  tool('test_custom_header', async ({ region }) => region, {
    input: z.strictObject({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }),
  }),
  Object.freeze({
    ...tool('json_schema_2020_12_tool', async (input) => input),
    input: { jsonSchema: schema2020, parse: (value) => ({ ok: true, value }) },
  }),
  // As an operator does it: a file of tools is written, and the server is told to read them again.
  tool('test_trigger_tool_change', changeTools, { class: 'off' }),
  tool('append_line', async ({ line }, { step }) => step('line', () => appendLine(line)), {
    input: z.strictObject({ line: z.string() }),
    output: z.object({ line: z.string() }),
  }),
];

async function changeTools() {
  const file = join(CHANGING, 'changing.mjs');
  await writeFile(
    `${file}.new`,
    `import { defineTool, z } from 'mcp-once';
    export const changing = defineTool({
      name: 'changing', title: 'Changing', description: 'As of ${randomUUID()}.', effect: 'read',
      input: z.strictObject({}), output: z.null(), run: async () => null,
    });`,
  );
  // At once: it may be read meanwhile.
  await rename(`${file}.new`, file);
  process.kill(process.pid, 'SIGHUP');
}

async function released(signal) {
  while (!existsSync(RELEASE)) await pause(20, undefined, { signal });
  return 'done';
}

async function appendLine(line) {
  await appendFile(EFFECTS, `${line}\n`);
  return { line };
}
