import { isObject } from '../../core/json.ts';
import { wordSet } from '../../core/word-set.ts';

/** The stages of a MongoDB aggregation that read (MongoDB 8.2, aggregation stages). All but `$out` and `$merge` do. */
const readingStages = wordSet(
  `$addFields $bucket $bucketAuto $changeStream $changeStreamSplitLargeEvent $collStats $count $currentOp $densify
  $documents $facet $fill $geoNear $graphLookup $group $indexStats $limit $listLocalSessions $listSampledQueries
  $listSearchIndexes $listSessions $lookup $match $planCacheStats $project $querySettings $rankFusion $redact $replaceRoot
  $replaceWith $sample $score $scoreFusion $search $searchMeta $set $setWindowFields $shardedDataDistribution $skip $sort
  $sortByCount $unionWith $unset $unwind $vectorSearch`,
);
const writingStages = wordSet('$out $merge');
const depthMax = 64;
const charsMax = 1_000_000;

/** Whether a pipeline, or its JSON text, certainly only reads: all stages are known, and none at any depth writes. */
export function isReadOnlyPipeline(given: unknown): boolean {
  const stages = typeof given === 'string' ? parsed(given) : given;
  return Array.isArray(stages) && stages.every(isReadingStage);
}

function parsed(text: string): unknown {
  if (text.length > charsMax) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isReadingStage(stage: unknown): boolean {
  if (!isObject(stage)) return false;
  const names = Object.keys(stage);
  return names.length === 1 && readingStages.has(names[0] ?? '') && !mayWriteStage(stage);
}

/** Whether a value has `$out` or `$merge` as a name at any depth, also in text. A pipeline may be part of a stage. */
export function mayWriteStage(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return textMayWrite(value, depth);
  if (typeof value !== 'object' || value === null) return false;
  if (depth > depthMax) return true;
  if (Array.isArray(value)) return value.some((each) => mayWriteStage(each, depth + 1));
  return Object.entries(value).some(
    ([name, member]) => writingStages.has(name.trim()) || mayWriteStage(member, depth + 1),
  );
}

/** JSON text may write a letter of the name as an escape sequence, so that only its parsed form shows the name. */
function textMayWrite(text: string, depth: number): boolean {
  if (/\$(?:out|merge)\s*\\*["'`]?\s*:/.test(text)) return true;
  if (!/^\s*[[{"]/.test(text) || !text.includes('\\u')) return false;
  if (text.length > charsMax || depth > depthMax) return true;
  const value = parsed(text);
  return value !== undefined && mayWriteStage(value, depth + 1);
}
