/** The known name nearest to a mistyped one, or undefined when none is near: at most a third of its letters differ. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Infinity;
  const lower = word.toLowerCase();
  if (word.length > 64) return undefined;
  for (const name of known) {
    const distance = name.toLowerCase() === lower ? 0 : editDistance(lower, name.toLowerCase());
    const prefix = lower.length >= 3 && name.toLowerCase().startsWith(lower);
    const allowed = prefix ? Infinity : Math.max(1, Math.floor(Math.max(word.length, name.length) / 3));
    if (distance <= allowed && distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      let cost = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/** `; did you mean "prompt"?`, or what there is to choose from. */
export function suggestion(word: string, known: readonly string[]): { text: string; replacement?: string } {
  const near = nearest(word, known);
  if (near !== undefined) return { text: `did you mean ${JSON.stringify(near)}?`, replacement: near };
  return { text: `known are ${known.join(', ')}.` };
}
