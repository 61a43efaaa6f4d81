import type { ModelSpec } from '../model/spec.js';

/** Multiply-adds of one forward pass of `tokens` tokens, roughly: every weight once a token, and attention's products. */
export function forwardCost({ spec, weights }: { spec: ModelSpec; weights: { parameters: number } }, tokens: number): number {
  return weights.parameters * tokens + spec.nLayers * spec.nHeads * spec.dHead * tokens * tokens;
}
