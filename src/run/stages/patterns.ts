import { detectAll, sight } from '../patterns/sighting.js';
import type { Stage } from '../stage.js';

/** Looks for the named patterns of failure on a probe, when its commands have been run; the verdict tells what was found. */
export const patterns: Stage = {
  name: 'patterns',
  label: 'patterns',
  on: 'probe',
  fills: [],
  async run(context) {
    const { subject, control } = context;
    const sighting = await sight(context, subject.trace, await subject.traced(), control && (await control.traced()));
    const { found, unmeasured } = detectAll(sighting);
    subject.patterns = found;
    subject.patternsNotMeasured = unmeasured;
  },
};
