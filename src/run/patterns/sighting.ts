import type { Model } from '../../engine/api.js';
import { randomSpans } from '../../methods/random-spans.js';
import type { RunTrace } from '../../residue/types.js';
import type { PatternFound } from '../../residue/types-claims.js';
import type { Shell } from '../../shell/types.js';
import { readingsOf } from '../nulls/stage.js';
import { measurer } from '../nulls/spans.js';
import { sourceSpan, trappedHeads } from '../patterns.js';
import type { TracedRun } from '../types.js';
import type { Sighting } from './detector.js';
import { DETECTORS } from './table.js';

/** What a run is looked at with. */
export interface Look {
  model: Model;
  shell: Shell;
  seed: number;
  signal?: AbortSignal;
}

/** Gathers what the detectors read of one run. */
export async function sight(
  { model, shell, seed, signal }: Look,
  trace: RunTrace,
  traced: TracedRun,
  control: TracedRun | null,
): Promise<Sighting> {
  const source = sourceSpan(shell, traced.prompt.spans);
  return {
    trace,
    family: shell.family,
    lens: traced.lens,
    source,
    measure: measurer(await readingsOf(model, traced, trace.scores!, signal)),
    random: (span) => randomSpans(traced.prompt.ids.length, span, seed),
    trapped: trappedHeads(model, traced, control, source, seed),
    special: model.tokenizer.specialIds,
    seed,
  };
}

export interface Sightings {
  found: PatternFound[];
  unmeasured: { name: string; reason: string }[];
}

/** Every pattern on one run. */
export function detectAll(sighting: Sighting): Sightings {
  const result: Sightings = { found: [], unmeasured: [] };
  for (const { name, detect } of DETECTORS) {
    const one = detect(sighting);
    if ('unmeasured' in one) result.unmeasured.push({ name, reason: one.unmeasured });
    else result.found.push({ name, ...one, opinion: null });
  }
  return result;
}
