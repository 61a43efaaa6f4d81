import type { Model } from '../engine/api.js';
import { almostSaid, endedBy } from '../methods/almost.js';
import { collapsePoint, columnMeans, pairGaps } from '../methods/collapse.js';
import { lensRow, trajectory } from '../methods/lens.js';
import { nullBand } from '../methods/significance.js';
import { argmax, quantile, topIndexes } from '../methods/statistics.js';
import type { AlmostSaid, Collapse, LensSection, RunTrace, Scores } from '../residue/types.js';
import { allValueNorms, attentionSection, attributionSection, directionOf, spanFlow, termsOf, type SpanFlow } from './attribute.js';
import { writesOf } from './trace.js';
import type { TracedRun } from './types.js';

/** Tokens shown per lens row. */
const LENS_TOP = 5;
/** Positions over which the frequency proxy is averaged, evenly spaced. */
const FREQUENCY_POSITIONS = 32;
/** Words of `almostSaid` that are followed to the component that ended them. */
const MAX_ALMOST = 8;

/** First tokens of a run's answer and rivals. */
export const contestOf = (scores: Scores): { answer: number; rivals: number[] } => ({
  answer: scores.answer.ids[0]!,
  rivals: scores.rivals.map((rival) => rival.ids[0]!),
});

/** The lens at the answer position. */
export function lensSection(model: Model, run: TracedRun, scores: Scores): LensSection {
  const { answer, rivals } = contestOf(scores);
  const rows = trajectory(run.lens, answer, rivals);
  return {
    ...rows,
    top: rows.margin.map((_, l) => {
      const row = lensRow(run.lens, l);
      return topIndexes(row, LENS_TOP).map((id) => ({ id, text: model.tokenizer.token(id), prob: Math.exp(row[id]!) }));
    }),
  };
}

/** The observed collapse point of a run whose lens has been read. */
export async function collapseSection(
  model: Model,
  run: TracedRun,
  scores: Scores,
  margins: readonly number[],
  control: readonly number[] | null,
  seed: number,
): Promise<Collapse> {
  const peak = argmax(margins);
  const gaps = await gapsAt(model, run, scores, peak, seed);
  const noise = gaps.length === 0 ? 0 : quantile(gaps, 0.95);
  const point = collapsePoint(margins, { failed: scores.failed, noise, control, tau: scores.tau });
  // That an answer never rose above noise has nothing to clear.
  const band = point.kind === 'lost' ? nullBand(point.peakMargin - scores.tau, gaps, 'random token pairs of like frequency') : null;
  return { ...point, noise, ...(band ? { null: band } : {}), evidence: 'observed' };
}

async function gapsAt(model: Model, run: TracedRun, scores: Scores, row: number, seed: number): Promise<number[]> {
  if (scores.strongest === null) return [];
  const { nLayers, vocabSize } = model.spec;
  const length = run.prompt.ids.length;
  const count = Math.min(FREQUENCY_POSITIONS, length);
  const positions = Array.from({ length: count }, (_, i) => Math.floor((i * length) / count));
  const { logprobs } = await model.lens(run.result, { layers: [nLayers], positions, full: true });
  const { answer, rivals } = contestOf(scores);
  const named = new Set([answer, ...rivals]);
  return pairGaps(
    lensRow(run.lens, row),
    columnMeans(logprobs!, count, vocabSize),
    {
      answer,
      rival: rivals[scores.strongest]!,
      exclude: { has: (id) => named.has(id) || model.tokenizer.specialIds.has(id) },
    },
    seed,
  );
}

/** What is read off one traced run. */
export type Observed = Pick<RunTrace, 'attribution' | 'attention' | 'almostSaid'> & {
  /** Layer salience but for the curve that an intervention gives. */
  direct: { attention: number[]; mlp: number[] };
  flows: Record<string, SpanFlow>;
};

/** Attribution, attention, flow and the words almost said. */
export async function observe(model: Model, run: TracedRun, scores: Scores, signal?: AbortSignal): Promise<Observed> {
  const { answer, rivals } = contestOf(scores);
  const rival = scores.strongest === null ? null : rivals[scores.strongest]!;
  const final = lensRow(run.lens, model.spec.nLayers);
  const said = argmax(final);
  const almost = almostSaid(run.lens).slice(0, MAX_ALMOST);
  const writes = writesOf(model, run);
  const directions = [
    directionOf(model, run, answer, rival),
    ...almost.map(({ id }) => directionOf(model, run, id, id === said ? null : said)),
  ];
  const [terms, ...others] = await termsOf(model, writes, directions, signal);
  const norms = await allValueNorms(model, run, writes, signal);
  const flows = Object.fromEntries(
    Object.entries(run.prompt.spans).map(([name, span]) => [name, spanFlow(model, writes, span, terms!, norms)]),
  );
  // The run's logits are those of the last position alone.
  const logits = run.result.logits!.data;
  const total = logits[answer]! - (rival === null ? 0 : logits[rival]!);
  return {
    attribution: attributionSection(terms!, total, rival === null ? null : { text: model.tokenizer.token(rival), id: rival }),
    attention: attentionSection(run, writes, terms!, norms, flows),
    direct: {
      attention: terms!.head.map((heads) => heads.reduce((sum, c) => sum + Math.abs(c), 0)),
      mlp: terms!.mlp.map(Math.abs),
    },
    flows,
    almostSaid: almost.map(({ id, row, peakProb, finalProb }, i): AlmostSaid => ({
      id,
      text: model.tokenizer.token(id),
      layer: row,
      peakProb,
      finalProb,
      endedBy: endedBy(others[i]!, row),
    })),
  };
}
