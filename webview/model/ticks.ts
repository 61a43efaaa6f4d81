/** Where an axis has its ticks. Pure. */

/** 1, 2 or 5 times a power of ten, at least `least`. */
function nice(least: number): number {
  const ten = 10 ** Math.floor(Math.log10(least));
  const part = least / ten;
  // A hair above a step is that step, where it comes of a division.
  return ten * (part <= 1 + 1e-9 ? 1 : part <= 2 + 1e-9 ? 2 : part <= 5 + 1e-9 ? 5 : 10);
}

/** The step between ticks of whole numbers that keeps them `least` apart. */
export const tickStep = (least: number): number => Math.max(1, nice(Math.max(1, least)));

/** At most `most` round numbers at even steps, of which the first is at or under `low` and the last at or over `high`. */
export function ticksWithin(low: number, high: number, most: number): number[] {
  const range = high - low || 1;
  for (let step = nice(range / (most - 1)); ; step = nice(step * 1.5)) {
    const first = Math.floor(low / step + 1e-9);
    const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
    if (last - first + 1 > most) continue;
    // By way of text, so that 3 × 0.1 is 0.3.
    return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  }
}
