import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { readsByPipeline, readsWithoutArguments } from '../../../src/wrap/policy/read-calls.ts';
import { isReadOnlyPipeline } from '../../../src/wrap/policy/read-only-pipeline.ts';
import type { McpTool } from '../../../src/wrap/policy/types.ts';

const match = { $match: { a: 1 } };

describe('a pipeline reads', () => {
  test.each([
    ['without stages', []],
    ['with stages that read', [match, { $lookup: { from: 'x', pipeline: [match] } }, { $sort: { a: 1 } }]],
    ['with a name such as $mergeObjects', [{ $group: { _id: 1, all: { $mergeObjects: '$a' } } }]],
    ['as JSON text', JSON.stringify([match])],
    ['with text about $out', [{ $match: { note: '$out' } }]],
  ])('%s', (_how, pipeline) => {
    expect(isReadOnlyPipeline(pipeline)).toBe(true);
  });

  test.each([
    ['with $out', [match, { $out: 'copy' }]],
    ['with $merge', [match, { $merge: { into: 'copy' } }]],
    ['with $out in another stage', [{ $facet: { a: [match, { $out: 'copy' }] } }]],
    ['with $merge in a nested pipeline', [{ $unionWith: { coll: 'x', pipeline: [{ $merge: 'copy' }] } }]],
    ['with a stage of two names', [{ $match: {}, $out: 'copy' }]],
    ['with an unknown stage', [{ $write: {} }]],
    ['with a stage in another case', [{ $OUT: 'copy' }]],
    ['with white space in a name', [{ $match: { '$out ': 'copy' } }]],
    ['as JSON text with $out', JSON.stringify([{ $out: 'copy' }])],
    ['as text that is not JSON', '[{ $match: {} }]'],
    ['absent', undefined],
    ['that is no list', { $match: {} }],
    ['with a stage that is no object', ['$match']],
    ['without end', [nested(200)]],
  ])('not certainly %s', (_how, pipeline) => {
    expect(isReadOnlyPipeline(pipeline)).toBe(false);
  });
});

function nested(depth: number): unknown {
  let value: unknown = { a: 1 };
  for (let count = 0; count < depth; count += 1) value = { and: [value] };
  return { $match: value };
}

test('another pipeline is not judged', () => {
  const tool = (name: string, pipeline: object): McpTool => ({
    name,
    inputSchema: { type: 'object', properties: { pipeline } },
  });
  expect(readsByPipeline(tool('aggregate', { type: 'array' }))).toBeDefined();
  expect(readsByPipeline(tool('aggregate_sales', { type: 'string' }))).toBeUndefined();
  expect(readsByPipeline(tool('run_build', { type: 'array' }))).toBeUndefined();
  expect(readsByPipeline(tool('mongo_query', { type: 'string' }))).toBeDefined();
});

describe('a pipeline in any argument', () => {
  const make = (name: string, properties: object, description = ''): McpTool => ({
    name,
    description,
    inputSchema: { type: 'object', properties },
  });
  const target = (stage: unknown) => ({ exportTarget: [{ name: 'aggregate', arguments: { pipeline: [stage] } }] });
  const exporting = make('export', { exportTarget: { type: 'array' } }, 'Export aggregation results');
  const staged = make('aggregate', { stages: { type: 'array' } });
  const acting = make('mongo_read', { operation: { type: 'string' }, pipeline: { type: 'array' } });

  test.each<[McpTool, object, object]>([
    [exporting, target(match), target({ $out: 'copy' })],
    [exporting, target(match), { exportTarget: JSON.stringify(target({ $merge: 'copy' })) }],
    [exporting, target(match), { exportTarget: '[{"\\u0024out": "copy"}]' }],
    [exporting, { exportTitle: 'about $out' }, { exportTitle: "[{$out: 'copy'}]" }],
    [staged, { stages: [match] }, { stages: [{ $out: 'copy' }] }],
    [staged, { stages: [match] }, { stages: [match], pipeline: [{ $out: 'copy' }] }],
    [acting, { operation: 'aggregate', pipeline: [match] }, { operation: 'delete', pipeline: [match] }],
    [acting, { pipeline: [match] }, { pipeline: [match], options: { $out: 'copy' } }],
  ])('of a tool that reads (%j) is searched: %j reads, %j does not', (tool, read, write) => {
    const reads = readsByPipeline(tool, true);
    expect(reads?.test(read as JsonObject)).toBe(true);
    expect(reads?.test(write as JsonObject)).toBe(false);
  });

  test('is not searched if the tool is not known to read, or its name says that it writes', () => {
    expect(readsByPipeline(exporting)).toBeUndefined();
    expect(
      readsByPipeline(make('create_view', { pipeline: { type: 'array' } }, 'Creates a MongoDB view')),
    ).toBeUndefined();
    expect(
      readsByPipeline(make('get_totals', { ids: { type: 'array', items: { type: 'string' } } }), true),
    ).toBeUndefined();
  });
});

test('a call reads without the arguments with which its tool acts', () => {
  const { test: reads } = readsWithoutArguments(['/actions', '/profile'], ['url', 'actions', 'profile']);
  for (const args of [{ url: 'x' }, { url: 'x', actions: [], profile: null }]) expect(reads(args)).toBe(true);
  for (const args of [
    { url: 'x', actions: [{ type: 'click' }] },
    { profile: {} },
    { url: 'x', other: 1 },
    { actions: '[]' },
  ]) {
    expect(reads(args)).toBe(false);
  }
});
