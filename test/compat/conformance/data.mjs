// The lists and forms of the conformance server, as the suite's scenarios describe them.

/** One red pixel. */
export const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
/** Silence. */
export const wav = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=';

const nothing = { type: 'object', properties: {} };

function tool(name, inputSchema = nothing, more = {}) {
  return {
    name,
    title: `The tool ${name}`,
    description: `Does what the scenario of ${name} wants.`,
    inputSchema,
    ...more,
  };
}

const onlyReads = { annotations: { readOnlyHint: true, openWorldHint: false }, unknown: { kept: [] } };

function takes(...names) {
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string', description: `The ${name}.` }]));
  return { type: 'object', properties, required: names };
}

/** JSON Schema 2020-12 with keywords that SDKs have dropped (SEP-1613). */
const schema2020 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
  properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
  additionalProperties: false,
};

export const boxes = {
  tools: [
    tool('test_simple_text'),
    tool('test_image_content', nothing, onlyReads),
    tool('test_audio_content'),
    tool('test_embedded_resource', nothing, onlyReads),
    tool('test_multiple_content_types', nothing, { _meta: { 'example.com/group': 'b' } }),
    tool('test_tool_with_logging'),
    tool('test_tool_with_progress'),
    tool('test_error_handling'),
    tool('test_reconnection'),
    tool('test_sampling', takes('prompt')),
    tool('test_elicitation', takes('message')),
    tool('test_elicitation_sep1034_defaults'),
    tool('test_elicitation_sep1330_enums'),
    tool('json_schema_2020_12_tool', schema2020, {
      outputSchema: { type: 'object', properties: { input: { type: 'object' } }, required: ['input'] },
    }),
  ],
  resources: [
    { uri: 'test://static-text', name: 'static-text', title: 'Text', mimeType: 'text/plain', size: 42 },
    { uri: 'test://static-binary', name: 'static-binary', description: 'Bytes', mimeType: 'image/png' },
    { uri: 'test://watched-resource', name: 'watched-resource', annotations: { priority: 1 }, unknown: 1 },
  ],
  templates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', mimeType: 'application/json' }],
  prompts: [
    { name: 'test_simple_prompt', title: 'Simple', description: 'Without arguments' },
    {
      name: 'test_prompt_with_arguments',
      description: 'With two arguments',
      arguments: [
        { name: 'arg1', description: 'The first', required: true },
        { name: 'arg2', description: 'The second', required: true },
      ],
    },
    {
      name: 'test_prompt_with_embedded_resource',
      description: 'With a resource in it',
      arguments: [{ name: 'resourceUri', description: 'Which', required: true }],
    },
    { name: 'test_prompt_with_image', description: 'With an image in it', unknown: { kept: true } },
  ],
};

export const forms = {
  response: {
    type: 'object',
    properties: { response: { type: 'string', description: "User's response" } },
    required: ['response'],
  },
  /** A default of each primitive type (SEP-1034). */
  defaults: {
    type: 'object',
    properties: {
      name: { type: 'string', description: 'User name', default: 'John Doe' },
      age: { type: 'integer', description: 'User age', default: 30 },
      score: { type: 'number', description: 'User score', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', description: 'Verification status', default: true },
    },
    required: [],
  },
};

const options = ['option1', 'option2', 'option3'];
const titled = (word) => [1, 2, 3].map((number) => ({ const: `value${number}`, title: `${word} ${number}` }));

/** The five forms of a choice (SEP-1330). */
export const enums = {
  type: 'object',
  properties: {
    untitledSingle: { type: 'string', description: 'Select one', enum: options },
    titledSingle: { type: 'string', description: 'Select one with titles', oneOf: titled('Option') },
    legacyEnum: {
      type: 'string',
      description: 'Select one (legacy)',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', minItems: 1, maxItems: 3, items: { type: 'string', enum: options } },
    titledMulti: { type: 'array', minItems: 1, maxItems: 3, items: { anyOf: titled('Choice') } },
  },
  required: [],
};
