const counts =
  /\b(\w+)?[ :(]*(?<![\d./-])(\d{1,9}(?:,\d{3}){0,3})(?: \p{L}+)? ?(?:of|out of|\/) ?(?:the |all )?(\d{1,9}(?:,\d{3}){0,3})(?![\d/.]\d|\/)/giu;

/** Whether a text counts a part of the work: "2 of 5 recipients were not found". The others may have been reached. */
export function tellsPart(text: string): boolean {
  return [...text.matchAll(counts)].some(([, word = '', part = '', all = '']) => {
    if (/^(?:attempt|attempts|retry|retries|try|page)$/i.test(word)) return false;
    const [done, total] = [numberOf(part), numberOf(all)];
    return done > 0 && done < total;
  });
}

function numberOf(text: string): number {
  return Number(text.replaceAll(',', ''));
}
