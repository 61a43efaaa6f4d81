import type { Model } from '../engine/api.js';
import { spanMass } from '../methods/attention.js';
import { randomSpans } from '../methods/random-spans.js';
import { attentionRollout } from '../methods/rollout.js';
import { nullBand, spansInWords } from '../methods/significance.js';
import type { AttentionSection } from '../residue/types.js';
import type { TracedRun } from './types.js';

/** Attention rollout of the answer position, and each marked span's share in it beside that of random spans of its length. */
export function rolloutSection(
  model: Model,
  { result, prompt, position }: TracedRun,
  seed: number,
): NonNullable<AttentionSection['rollout']> {
  const { nLayers, nHeads } = model.spec;
  const tokens = prompt.ids.length;
  const patterns = Array.from({ length: nLayers }, (_, l) => result.get(`blocks.${l}.attn.hook_pattern`).data);
  const shares = attentionRollout(patterns, nHeads, tokens, position);
  const spans = Object.entries(prompt.spans).map(([name, span]) => {
    const drawn = randomSpans(tokens, span, seed);
    const share = spanMass(shares, span);
    const nulls = drawn.map((one) => spanMass(shares, one));
    return [name, { share, null: nullBand(share, nulls, spansInWords(drawn)) }];
  });
  return { byToken: Array.from(shares), spans: Object.fromEntries(spans) as NonNullable<AttentionSection['rollout']>['spans'] };
}
