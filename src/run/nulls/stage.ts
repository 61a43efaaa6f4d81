import type { Model } from '../../engine/api.js';
import type { Scores } from '../../residue/types.js';
import { allValueNorms, directionOf, termsOf } from '../attribute.js';
import { contestOf } from '../observe.js';
import type { Stage } from '../stage.js';
import { writesOf } from '../trace.js';
import type { TracedRun } from '../types.js';
import { nullSection, type Readings } from './spans.js';

const known = new WeakMap<TracedRun, Readings>();

/** Everything that p read from every token of a traced run; kept for as long as its arrays are. */
export async function readingsOf(model: Model, traced: TracedRun, scores: Scores, signal?: AbortSignal): Promise<Readings> {
  const found = known.get(traced);
  if (found) return found;
  const { answer, rivals } = contestOf(scores);
  const rival = scores.strongest === null ? null : rivals[scores.strongest]!;
  const writes = writesOf(model, traced);
  const [terms] = await termsOf(model, writes, [directionOf(model, traced, answer, rival)], signal);
  const readings = { writes, terms: terms!, norms: await allValueNorms(model, traced, writes, signal) };
  known.set(traced, readings);
  return readings;
}

/** What is read off a run beside what random spans and other heads give. */
export const nulls: Stage = {
  name: 'nulls',
  label: 'random spans',
  on: 'traced',
  fills: ['nulls'],
  async run({ model, subject, seed, signal }) {
    const readings = await readingsOf(model, await subject.traced(), subject.trace.scores!, signal);
    const { prompt } = subject;
    subject.trace.nulls = nullSection(readings, prompt.spans, prompt.ids.length, seed);
  },
};
