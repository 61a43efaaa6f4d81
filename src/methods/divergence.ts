/**
 * Jensen-Shannon divergence of two distributions (Lin 1991): the mean of both Kullback-Leibler divergences to their average,
 * JS = ½ Σ p ln(p / m) + ½ Σ q ln(q / m), m = (p + q) / 2. Symmetric, in [0, ln 2] nats: 0 when equal, ln 2 when they share no token.
 * @param p Log-probabilities, [vocab].
 * @param q Log-probabilities, [vocab].
 */
export function jensenShannon(p: ArrayLike<number>, q: ArrayLike<number>): number {
  if (p.length !== q.length) throw new RangeError(`The distributions have ${p.length} and ${q.length} tokens.`);
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const a = Math.exp(p[i]!);
    const b = Math.exp(q[i]!);
    const mean = Math.log((a + b) / 2);
    // A probability that underflows to 0 adds nothing: x ln x → 0.
    if (a > 0) sum += (a * (p[i]! - mean)) / 2;
    if (b > 0) sum += (b * (q[i]! - mean)) / 2;
  }
  return Math.min(Math.LN2, Math.max(0, sum));
}
