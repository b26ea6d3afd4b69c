// Writes the JSON Schema of the configuration file, made from the zod schema. Build first.
import { writeFileSync } from 'node:fs';
import { sections } from '../dist/src/app.js';
import { configJsonSchema } from '../dist/src/config/schema.js';

const file = new URL('../mcp-once.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(await configJsonSchema(sections), null, 2)}\n`);
