/**
 * Trace complexity: the participation ratio (Σ|c|)² / Σc² (Bell & Dean 1970) of the contributions to the margin. As many parts of equal size as this would
 * carry it: 1 when one component does it all, n when n do it alike.
 *
 * @param contributions Nats, in any order, of either sign.
 * @returns Between 1 and the number of contributions that are not 0; 0 when none is.
 */
export function participationRatio(contributions: readonly number[]): number {
  // In units of the largest, so that squares of tiny or huge numbers neither vanish nor overflow.
  const largest = contributions.reduce((most, c) => Math.max(most, Math.abs(c)), 0);
  if (largest === 0) return 0;
  let sum = 0;
  let squares = 0;
  for (const c of contributions) {
    sum += Math.abs(c / largest);
    squares += (c / largest) ** 2;
  }
  return (sum * sum) / squares;
}
