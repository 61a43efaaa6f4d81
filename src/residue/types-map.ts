/**
 * What the residual stream holds at every row and position: read off, none of it tested. Pure data, as all of the residue.
 */

/** Residual row by position: what the logit lens says of the answer's first token there, and the state of the stream. */
export interface LensMap {
  /** Positions covered (all, or a stated subset for long prompts or large vocabularies). */
  positions: number[];
  complete: boolean;
  /** Log-probability, nats, [L + 1][positions]. */
  answerLogprob: number[][];
  /** How many tokens are more probable, 0 is top-1, [L + 1][positions]. This and what follows: absent in older files, and where there are too many cells. */
  answerRank?: number[][];
  /** Entropy of the lens distribution, nats, [L + 1][positions]. */
  entropy?: number[][];
  /** ‖r_l(p)‖₂ of the residual stream, [L + 1][positions]. */
  norm?: number[][];
  /** Part of ‖N(r_l(p))‖² in the unembedding's weak singular directions, [L + 1][positions]; null where the model is too large for it. */
  nullShare?: number[][] | null;
}
