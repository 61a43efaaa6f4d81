import type { Model } from '../engine/api.js';
import { localMass, spanMass, type Span } from '../methods/attention.js';
import { isTrapped, middleLayers } from '../methods/patterns.js';
import { randomSpans } from '../methods/random-spans.js';
import type { Shell } from '../shell/types.js';
import { patternRows } from './trace.js';
import type { TracedRun } from './types.js';

/** The span that a shell is about: ANCHOR's, else another command's, else the first marked; null without any. */
export function sourceSpan(shell: Shell, spans: Readonly<Record<string, Span>>): string | null {
  const named = [...shell.run.filter(({ name }) => name === 'ANCHOR'), ...shell.run].map(({ params }) => params['span']);
  const found = named.find((span): span is string => typeof span === 'string' && span in spans);
  return found ?? Object.keys(spans)[0] ?? null;
}

/** Heads of the middle layers in which attention is trapped at p, and the share of them with random spans of both in the span's place; null without a control or where one of the two lacks the span. */
export function trappedHeads(
  model: Model,
  probe: TracedRun,
  control: TracedRun | null,
  span: string | null,
  seed: number,
): { heads: number; of: number; nulls: number[] } | null {
  const here = span === null ? undefined : probe.prompt.spans[span];
  const there = span === null ? undefined : control?.prompt.spans[span];
  if (!control || !here || !there) return null;
  const drawn = randomSpans(probe.prompt.ids.length, here, seed);
  const twins = randomSpans(control.prompt.ids.length, there, seed);
  const share = ({ heads, of }: { heads: number; of: number }): number => (of > 0 ? heads / of : 0);
  const nulls = drawn.slice(0, twins.length).map((span, i) => share(trappedBetween(model, probe, span, control, twins[i]!)));
  return { ...trappedBetween(model, probe, here, control, there), nulls };
}

function trappedBetween(model: Model, probe: TracedRun, here: Span, control: TracedRun, there: Span): { heads: number; of: number } {
  const { nLayers, nHeads } = model.spec;
  const masses = (run: TracedRun, layer: number, on: Span) =>
    patternRows(run.result, layer, run.position, nHeads).map((row) => ({
      local: localMass(row, run.position, on),
      span: spanMass(row, on),
    }));
  let heads = 0;
  let of = 0;
  for (const layer of middleLayers(nLayers)) {
    const probes = masses(probe, layer, here);
    const controls = masses(control, layer, there);
    heads += probes.filter((mass, h) => isTrapped(mass, controls[h]!)).length;
    of += nHeads;
  }
  return { heads, of };
}
