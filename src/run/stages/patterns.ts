import { patternsOf, sourceSpan, trappedHeads } from '../patterns.js';
import type { Stage } from '../stage.js';

/** Looks for the named patterns of failure on a probe; the verdict tells what was found. */
export const patterns: Stage = {
  name: 'patterns',
  label: 'patterns',
  on: 'probe',
  fills: [],
  async run({ model, shell, subject, control }) {
    const span = sourceSpan(shell, subject.prompt.spans);
    const trapped = trappedHeads(model, await subject.traced(), control && (await control.traced()), span);
    subject.patterns = patternsOf(subject.trace, trapped);
  },
};
