import { wordSet } from '../../core/word-set.ts';

/** The words that begin a statement which reads. */
const readingStarts = wordSet('select with show describe desc explain values table pragma');

/**
 * Words that write within a statement that begins like a read (`WITH ... DELETE`, `SELECT INTO`), or that begin a next
 * statement in Transact-SQL, which needs no semicolon. A column of such a name leaves the call guarded.
 */
const writingWords =
  wordSet(`insert update delete merge upsert create drop alter truncate grant revoke deny call exec execute do set
  copy load lock unlock vacuum reindex attach detach begin commit rollback save savepoint into declare kill shutdown use backup
  restore bulk dbcc reconfigure replace enable disable throw raiserror print waitfor while goto return send receive checkpoint
  next nextval`);

/** Functions that read, and words before a bracket that call nothing. Any other function may write. */
const readingCalls =
  wordSet(`abs acos any_value array array_agg array_length array_to_string ascii asin atan atan2 avg bit_and bit_or
  bit_length btrim cardinality cast ceil ceiling char char_length character_length chr coalesce concat concat_ws convert cos cot
  count cume_dist curdate current_date current_time current_timestamp curtime date date_add date_bin date_diff date_format date_part
  date_sub date_trunc datediff datetime day dayname dayofmonth dayofweek dayofyear decode degrees dense_rank divide elt encode
  every exp extract field find_in_set first_value floor format from_unixtime generate_series glob greatest group_concat hex hour
  if ifnull iif initcap instr isnull json json_agg json_array json_array_elements json_array_length json_build_array
  json_build_object json_each json_each_text json_extract json_object json_object_agg json_object_keys json_query json_tree
  json_type json_unquote json_value jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_object
  jsonb_each jsonb_each_text jsonb_object_agg jsonb_object_keys jsonb_path_query jsonb_pretty jsonb_typeof julianday lag last_day
  last_value lcase lead least left length like likelihood likely listagg ln locate log log10 log2 lower lpad ltrim make_date max
  md5 median mid min minute mod month monthname now nth_value ntile nullif nvl octet_length overlay percent_rank percentile_cont
  percentile_disc pi position power quarter quote_ident quote_literal radians random rank regexp_count regexp_extract regexp_instr
  regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr repeat replace
  reverse right round row row_number row_to_json rpad rtrim second sha1 sha2 sign sin split_part sqrt stddev stddev_pop
  stddev_samp str_to_date strftime string_agg string_split string_to_array strpos substr substring substring_index sum tan time
  timediff timestamp timestampdiff to_char to_date to_json to_jsonb to_number to_timestamp total translate trim trunc truncate_date
  typeof ucase unhex unicode unix_timestamp unnest upper uuid var_pop var_samp variance week weekday year zeroblob
  pg_get_viewdef pg_get_functiondef pg_get_constraintdef pg_get_indexdef pg_get_expr pg_size_pretty pg_relation_size
  pg_total_relation_size pg_table_size pg_indexes_size pg_database_size obj_description col_description format_type version
  current_database current_schema current_schemas current_user database schema user to_regclass array_position
  pragma_table_info pragma_index_list pragma_foreign_key_list table_info table_xinfo table_list index_list index_info
  index_xinfo foreign_key_list
  in exists any some all not and or on as over using values select from join where when then else having by limit between
  filter within group partition union intersect except case distinct recursive materialized lateral with is end offset rollup cube sets
  numeric decimal varchar character varying float bit interval precision top`);

/** The pragmas of SQLite that only read, whatever follows. */
const readingPragmas = wordSet(
  'table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list database_list function_list collation_list compile_options',
);

/** Stands for any text or name in quotes. */
const quoted = "''";
/** Longer statements are guarded. */
const charsMax = 100_000;

/**
 * Tests whether SQL text certainly only reads, in any common dialect: one statement, with nothing that a dialect might read
 * in another way, and with no function but known ones, because a function may write. A function without brackets (Oracle, the
 * attribute notation of PostgreSQL) looks like a column, so such a call passes.
 */
export function isReadOnlySql(sql: string): boolean {
  const tokens = sql.length > charsMax ? undefined : tokensOf(sql.replaceAll('\r\n', '\n'));
  if (tokens === undefined) return false;
  while (tokens.at(-1) === ';') tokens.pop();
  const [first = '', second] = tokens;
  if (!readingStarts.has(first) || tokens.includes(';')) return false;
  if (first === 'pragma') return isReadingPragma(tokens);
  if (first === 'show' && second === 'create') tokens.splice(1, 1);
  return tokens.every((token, index) => {
    if (tokens[index + 1] === '(') return callsNothingUnknown(token, tokens[index - 1]);
    return !writingWords.has(token);
  });
}

/** Tests the token before a bracket. An unknown function may have a quoted name, or the name of a known one in a schema. */
function callsNothingUnknown(token: string, before: string | undefined): boolean {
  if (token === quoted) return false;
  return !isWord(token) || (readingCalls.has(token) && before !== '.');
}

/** `PRAGMA user_version = 5` writes, and `PRAGMA main.table_info(orders)` reads. */
function isReadingPragma(tokens: readonly string[]): boolean {
  const name = tokens[2] === '.' ? tokens[3] : tokens[1];
  return !tokens.includes('=') && readingPragmas.has(name ?? '');
}

function isWord(token: string): boolean {
  return /^\w/.test(token);
}

/** White space, comments, text in quotes, words, numbers, and other characters. */
const token =
  /\s+|--(?:[ \t][^\n]*|(?=\n|$))|\/\*(?![!+])(?:(?!\*\/|\/\*)[\s\S])*\*\/|'(?:[^'\\]|'')*'|"(?:[^"\\]|"")*"|`[^`\\]*`|[A-Za-z_]\w*(?!['"`\w])|\d[\w.]*(?!['"`])|(?!--|\/\*)[^\w\s'"`#\\$[]|\[[^\]'"`]*\]/y;

/**
 * Returns the words and signs of a statement in lower case, without comments and quoted text. Returns undefined for text
 * that dialects read in different ways: a backslash, `#`, `$`, a carriage return, a comment that is nested, executable (MySQL)
 * or without a space after its `--`, a word that touches a quote (Oracle), and a bracket with a quote in it (Transact-SQL).
 */
function tokensOf(sql: string): string[] | undefined {
  if (sql.includes('\r')) return undefined;
  const tokens: string[] = [];
  for (let at = 0; at < sql.length; ) {
    token.lastIndex = at;
    const found = token.exec(sql)?.[0];
    if (found === undefined) return undefined;
    at += found.length;
    if (/^(?:\s|--|\/\*)/.test(found)) continue;
    tokens.push(/^['"`[]/.test(found) ? quoted : found.toLowerCase());
  }
  return tokens;
}
