/**
 * Attention rollout from one position (Abnar & Zuidema 2020): with Ā_l the mean over heads of layer l's attention, and A'_l = ½ Ā_l + ½ I, where the half on the diagonal stands for the
 * residual stream,
 *
 *   R(p, ·) = e_p A'_L A'_{L−1} ⋯ A'_1,
 *
 * the share of each token in what p mixes through all layers, shares that sum to 1. Taken from the last layer down, one row at a time: heads · T² multiply-adds a layer, exact but for rounding. It
 * knows neither values nor MLPs, gives every head and the residual stream a fixed weight, and says nothing of the answer: a weak measure, told beside the others and never a cause.
 * @param patterns A layer's attention, [head, query, key] row by row, queries and keys 0 … T − 1; layers in their order.
 * @param tokens T.
 * @param position p; what comes after it has no share.
 * @returns R(p, ·), [T].
 */
export function attentionRollout(patterns: readonly ArrayLike<number>[], heads: number, tokens: number, position: number): Float64Array {
  let shares = new Float64Array(tokens);
  shares[position] = 1;
  for (let l = patterns.length - 1; l >= 0; l--) {
    const pattern = patterns[l]!;
    const below = Float64Array.from(shares, (share) => share / 2);
    for (let h = 0; h < heads; h++)
      for (let q = 0; q <= position; q++) {
        const weight = shares[q]! / (2 * heads);
        if (weight === 0) continue;
        const row = (h * tokens + q) * tokens;
        for (let k = 0; k <= q; k++) below[k]! += weight * pattern[row + k]!;
      }
    shares = below;
  }
  return shares;
}
