/** How many letters may differ at the most for a name to be suggested: two, a third of a long one, half of a short one. */
function differencesMax(name: string): number {
  return Math.min(Math.floor(name.length / 2), Math.max(2, Math.floor(name.length / 3)));
}

/** The known name that was probably meant, or undefined when none is near. Upper and lower case are one. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const asked = name.slice(0, 100).toLowerCase();
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = distanceOf(asked, candidate.toLowerCase());
    if (distance <= differencesMax(candidate) && distance < (best?.distance ?? Infinity))
      best = { name: candidate, distance };
  }
  return best?.name;
}

/** `; did you mean "x"?`, or nothing. */
export function suggestion(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`;
}

/** With a full stop, unless it ends in one or in a question. */
export function sentence(text: string): string {
  return /[.?]$/.test(text) ? text : `${text}.`;
}

/** Optimal string alignment: insertions, deletions, replacements, and neighbours swapped. */
function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(before, j - 2) + 1 : Infinity;
      row.push(Math.min(at(row, j - 1) + 1, at(last, j) + 1, replaced, swapped));
    }
    before = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
