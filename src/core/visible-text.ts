import { isObject } from './json.ts';

/** A text without any of these needs no second look. */
const suspicious = /[^\n\t\x20-\x7e]/;
const lineEnds = /\r\n?|[\u2028\u2029]/g;
/** Characters that are never shown. Not the joiners, which emoji and some scripts need. */
const hiddenRanges = [
  // Control characters, except newline and tab.
  String.raw`\x00-\x08\x0b-\x1f\x7f-\x9f`,
  // Soft hyphen, grapheme joiner, and the fillers and separators of Hangul and Mongolian.
  String.raw`\xad\u034f\u115f\u1160\u3164\uffa0\u180e`,
  // Bidirectional controls.
  String.raw`\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069`,
  // Zero-width spaces, invisible operators, deprecated format characters, and annotation characters.
  String.raw`\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff0-\ufffb`,
  // Controls of musical notation, and the tag characters, which can hold a whole hidden text.
  String.raw`\u{1d173}-\u{1d17a}\u{e0000}-\u{e00ff}\u{e01f0}-\u{e0fff}`,
];
const hidden = new RegExp(`[${hiddenRanges.join('')}]`, 'gu');
/** A variation selector is visible after one character that has variants. A run of them can hold hidden text. */
const strayVariation = /(?<=^|\s|[\ufe00-\ufe0f])[\ufe00-\ufe0f]|(?<!\p{Script=Han})[\u{e0100}-\u{e01ef}]/gu;
/** Joiners stay between emoji, and between letters outside of Latin, Greek and Cyrillic. */
const strayJoiner =
  /(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}\p{L}\p{M}]|\ufe0f)(?:\u200c|\u200d)|(?<=[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}])(?:\u200c|\u200d)|(?:\u200c|\u200d)(?![\p{Extended_Pictographic}\p{L}\p{M}])/gu;

/**
 * Removes the characters of a text that a reader does not see, or that change what a reader sees. Models read them, and
 * terminals obey them. Newlines and tabs stay.
 */
export function visibleText(text: string): string {
  if (!suspicious.test(text)) return text;
  return text.replace(lineEnds, '\n').replace(hidden, '').replace(strayVariation, '').replace(strayJoiner, '');
}

/** Members of listed items and of schemas whose text a person or a model reads. */
const shownMembers: ReadonlySet<string> = new Set(['title', 'description', '$comment', 'markdownDescription']);
/** Keywords that hold values, not schemas. A value is never changed. */
const valueKeywords: ReadonlySet<string> = new Set(['default', 'const', 'enum', 'examples', 'example']);
/** Keywords whose members are named by the author of a schema. */
const namedKeywords: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
]);

/**
 * Makes the titles and descriptions of a schema, or of an item of a list of MCP, visible text. Returns the value itself
 * where nothing changes. The value must not be nested deeper than the stack allows.
 */
export function withVisibleTexts<Value>(value: Value): Value {
  return changed(value, (member, inner) => {
    if (valueKeywords.has(member)) return inner;
    if (typeof inner === 'string') return shownMembers.has(member) ? visibleText(inner) : inner;
    return namedKeywords.has(member)
      ? changed(inner, (_name, schema) => withVisibleTexts(schema))
      : withVisibleTexts(inner);
  });
}

/** Replaces the members of an object, or the objects in a list. Returns the value itself where nothing changes. */
function changed<Value>(value: Value, change: (member: string, inner: unknown) => unknown): Value {
  if (Array.isArray(value)) {
    const items = value.map((item) => (typeof item === 'object' ? withVisibleTexts(item) : item));
    return items.some((item, index) => item !== value[index]) ? (items as Value) : value;
  }
  if (!isObject(value)) return value;
  let copy: Record<string, unknown> | undefined;
  for (const [member, inner] of Object.entries(value)) {
    const now = change(member, inner);
    if (now === inner) continue;
    copy ??= { ...value };
    copy[member] = now;
  }
  return (copy as Value | undefined) ?? value;
}
