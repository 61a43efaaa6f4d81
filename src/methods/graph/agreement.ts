import { mean } from '../statistics.js';

/** Pearson correlation of two lists of one length; null for fewer than three pairs or where one does not vary. */
export function correlation(a: readonly number[], b: readonly number[]): number | null {
  if (a.length < 3) return null;
  const [meanA, meanB] = [mean(a), mean(b)];
  let product = 0;
  let squareA = 0;
  let squareB = 0;
  a.forEach((x, i) => {
    const [da, db] = [x - meanA, b[i]! - meanB];
    product += da * db;
    squareA += da * da;
    squareB += db * db;
  });
  return squareA === 0 || squareB === 0 ? null : product / Math.sqrt(squareA * squareB);
}
