/**
 * Reduces a word to the part that its inflections share. The rules are coarse and for all languages of a script at once:
 * two texts must give the same stem for the same word, and the stem does not have to be a word.
 */
export function stemOf(word: string): string {
  const code = word.charCodeAt(0);
  if (code < 0x250) return latinStem(word);
  if (code >= 0x400 && code < 0x530) return withoutEnding(word, CYRILLIC_ENDINGS, 3);
  if (code >= 0x600 && code < 0x700) return arabicStem(word);
  if (code >= 0x900 && code < 0xe00) return withoutMarks(word);
  if (code >= 0xac00 && code < 0xd7b0) return withoutEnding(word, KOREAN_ENDINGS, 2);
  return code >= 0x3040 && code < 0xa000 ? withoutKana(word) : word;
}

const STEM_CHARS_MIN = 3;

/** Ordered from long to short. Each needs a rest of at least three letters. */
const LATIN_ENDINGS = endingsOf(
  'amiento imiento ations ation iendo ando endo indo ungen ung ings ing ados adas idos idas ado ada ido ida cao unu ini edly ed ez er ar ir en em ly',
);
const CYRILLIC_ENDINGS = endingsOf(
  'иями ями ами ого его ому ему ыми ими ировать овать ется ются ать ять ить еть ешь ает ают ила ала али или ите ый ий ой ая яя ое ее ые ие ию ия ии ов ев ей ам ям ах ях ом ем ую юю ть ла ло ли а я о е ы и у ю ь й',
);
const KOREAN_ENDINGS = endingsOf(
  '해주시기 해주세요 해주십시오 하십시오 했습니다 했으니까 했으니 했지만 했는데 습니다 으니까 으니 지만 는데 합니다 됩니다 하세요 으로 에서 에게 까지 부터 하고 하기 하는 하여 해서 해야 해요 하다 되어 했 해 한 할 함 됨 을 를 이 가 은 는 에 의 와 과 도 로 만',
);

const ARABIC_ENDINGS = endingsOf('ات ون ين ها هم ه ي');
const ARABIC_STARTS = ['وال', 'بال', 'فال', 'كال', 'ال', 'لل'];

/** A German participle of a verb with a separable prefix: `abgeholt`, of `abholen`. */
const SPLIT_PARTICIPLE =
  /^(ab|an|auf|aus|bei|ein|her|hin|los|mit|nach|vor|weg|zu|zuruck|zusammen)ge([a-z]{3,}(?:t|en))$/;
const PARTICIPLE_ENDING = /(?:t|en)$/;

function latinStem(word: string): string {
  const participle = SPLIT_PARTICIPLE.exec(word);
  let stem = participle ? `${participle[1]}${participle[2]?.replace(PARTICIPLE_ENDING, '')}en` : word;
  if (stem.endsWith('ies') || stem.endsWith('ied')) stem = stem.length > 4 ? `${stem.slice(0, -3)}y` : stem;
  else if (stem.endsWith('s') && !stem.endsWith('ss') && stem.length > STEM_CHARS_MIN) stem = stem.slice(0, -1);
  stem = withoutEnding(stem, LATIN_ENDINGS, STEM_CHARS_MIN);
  if (stem.length >= 6 && (stem.endsWith('tion') || stem.endsWith('sion'))) stem = stem.slice(0, -3);
  for (
    let round = 0;
    round < 2 && stem.length > STEM_CHARS_MIN && isVowel(stem.charCodeAt(stem.length - 1));
    round += 1
  ) {
    stem = stem.slice(0, -1);
  }
  if (stem.length >= 6 && stem.endsWith('at')) stem = stem.slice(0, -2);
  const last = stem.charCodeAt(stem.length - 1);
  return stem.length > STEM_CHARS_MIN && last === stem.charCodeAt(stem.length - 2) ? stem.slice(0, -1) : stem;
}

function isVowel(code: number): boolean {
  return code === 97 || code === 101 || code === 105 || code === 111 || code === 121 || code === 117;
}

/** Endings by their last character, each list from long to short. */
type Endings = ReadonlyMap<string, readonly string[]>;

function endingsOf(list: string): Endings {
  const endings = new Map<string, string[]>();
  for (const ending of list.split(' ')) {
    const last = ending.slice(-1);
    const known = endings.get(last);
    if (known === undefined) endings.set(last, [ending]);
    else known.push(ending);
  }
  return endings;
}

function withoutEnding(word: string, endings: Endings, restMin: number): string {
  for (const ending of endings.get(word.slice(-1)) ?? []) {
    if (word.length >= ending.length + restMin && word.endsWith(ending)) return word.slice(0, -ending.length);
  }
  return word;
}

/** Removes the article and joined particles, and the endings of gender and number. */
function arabicStem(word: string): string {
  let stem = word
    .replace(/[\u064b-\u065f\u0670\u0640]/g, '')
    .replace(/[أإآ]/g, 'ا')
    .replace(/ى/g, 'ي')
    .replace(/ة/g, 'ه');
  for (const start of ARABIC_STARTS) {
    if (stem.startsWith(start) && stem.length >= start.length + STEM_CHARS_MIN) {
      stem = stem.slice(start.length);
      break;
    }
  }
  return withoutEnding(stem, ARABIC_ENDINGS, STEM_CHARS_MIN);
}

/** Removes vowel signs at the end of a word of an Indic script. */
function withoutMarks(word: string): string {
  let end = word.length;
  while (end > 2 && isIndicSign(word.charCodeAt(end - 1))) end -= 1;
  return word.slice(0, end);
}

function isIndicSign(code: number): boolean {
  const place = code % 0x80;
  return place <= 0x03 || (place >= 0x3c && place <= 0x4d) || (place >= 0x62 && place <= 0x63);
}

/** Removes the inflection of a Japanese word that is written in hiragana after a kanji. */
function withoutKana(word: string): string {
  let end = word.length;
  while (end > 1 && isHiragana(word.charCodeAt(end - 1))) end -= 1;
  return end === word.length || isHiragana(word.charCodeAt(0)) ? word : word.slice(0, end);
}

export function isHiragana(code: number): boolean {
  return code >= 0x3041 && code <= 0x309f;
}
