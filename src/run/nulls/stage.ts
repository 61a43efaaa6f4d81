import { allValueNorms, directionOf, termsOf } from '../attribute.js';
import { contestOf } from '../observe.js';
import type { Stage } from '../stage.js';
import { writesOf } from '../trace.js';
import { nullSection } from './spans.js';

/** What is read off a run beside what random spans and other heads give. */
export const nulls: Stage = {
  name: 'nulls',
  label: 'random spans',
  on: 'traced',
  fills: ['nulls'],
  async run({ model, subject, seed, signal }) {
    const traced = await subject.traced();
    const scores = subject.trace.scores!;
    const { answer, rivals } = contestOf(scores);
    const rival = scores.strongest === null ? null : rivals[scores.strongest]!;
    const writes = writesOf(model, traced);
    const [terms] = await termsOf(model, writes, [directionOf(model, traced, answer, rival)], signal);
    const norms = await allValueNorms(model, traced, writes, signal);
    const { prompt } = subject;
    subject.trace.nulls = nullSection({ writes, terms: terms!, norms }, prompt.spans, prompt.ids.length, seed);
  },
};
