/** Tags of HTML in texts of documents. Others, such as `<id>`, are placeholders and stay. */
const tag =
  /<\/?(?:p|br|hr|a|b|i|u|s|em|strong|small|sub|sup|code|pre|tt|kbd|span|div|section|ul|ol|li|dl|dt|dd|h[1-6]|table|thead|tbody|tr|td|th|img|blockquote|details|summary|aside|font|center)(?:\s[^<>]{0,2000})?\/?>/gi;
const blockEnd =
  /<\/?(?:p|div|section|ul|ol|dl|h[1-6]|table|tr|blockquote|pre|details|aside)\b[^<>]{0,2000}>|<br\s*\/?>/gi;
const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Turns HTML into text: blocks into lines, items into dashes, and tags into nothing. Other texts stay as they are. */
export function htmlToText(text: string): string {
  if (text.search(tag) === -1) return text;
  return text
    .replace(/<li\b[^<>]{0,2000}>\s*/gi, '\n- ')
    .replace(blockEnd, '\n')
    .replace(tag, '')
    .replace(/&(?:#(\d{1,6})|(\w{1,10}));/g, (whole, code?: string, name?: string) => {
      if (code !== undefined) return String.fromCodePoint(Number(code));
      return entities[name?.toLowerCase() ?? ''] ?? whole;
    })
    .replace(/[ \t]+\n/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
