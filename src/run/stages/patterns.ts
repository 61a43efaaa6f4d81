import type { RunTrace } from '../../residue/types.js';
import { lensSection } from '../observe.js';
import { forwardCost } from '../cost.js';
import type { Paraphrase } from '../paraphrases.js';
import { detectAll, sight, type Sightings } from '../patterns/sighting.js';
import { loopingOf, speak } from '../speak.js';
import type { Stage, StageContext } from '../stage.js';
import { measuredHooks, traceRun } from '../trace.js';

/** Multiply-adds that looking for the patterns in the headline's paraphrases may cost. */
const BUDGET = 1e11;

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

/** The second opinion on the headline's patterns: the same looked for in each of its paraphrases, traced and let to speak. */
export const patternOpinions: Stage = {
  name: 'pattern opinions',
  label: 'patterns in the paraphrases',
  on: 'headline',
  fills: [],
  when: ({ shell }) => shell.paraphrases.length > 0,
  cost: ({ model, generation }, _, { paraphrases }) =>
    paraphrases.reduce((sum, { prompt }) => sum + forwardCost(model, prompt.ids.length + (generation?.tokens ?? 0)), 0),
  budget: BUDGET,
  overBudget: 'Patterns were not looked for in the paraphrases: on a model of this size it would take too long.',
  async run(context) {
    const { subject, paraphrases, progress } = context;
    const seen: Sightings[] = [];
    for (const [i, paraphrase] of paraphrases.entries()) {
      seen.push(await seenIn(context, paraphrase));
      progress(i + 1, paraphrases.length);
    }
    subject.patterns = subject.patterns.map((pattern) => {
      const by = seen.flatMap(({ found }, i) => {
        const same = found.find(({ name }) => name === pattern.name);
        if (!same) return [];
        const says = `${same.present ? 'present' : 'absent'}, score ${same.score.toFixed(2)}`;
        return [{ name: `paraphrase ${i + 1}`, agrees: same.present === pattern.present, says }];
      });
      return { ...pattern, opinion: by.length === 0 ? null : { agree: by.filter(({ agrees }) => agrees).length, of: by.length, by } };
    });
  },
};

/** The patterns of one paraphrase, without commands: those that need one are not asked again. */
async function seenIn(context: StageContext, { prompt, scores }: Paraphrase): Promise<Sightings> {
  const { model, generation, seed, signal, subject, control } = context;
  const traced = await traceRun(model, prompt, measuredHooks(model), signal);
  const said = generation && (await speak(model, prompt, { ...generation, seed: generation.seed + seed }, signal));
  const { name, label, vary, x, bosAdded } = subject.trace;
  const trace: RunTrace = {
    ...{ name, label, vary, x, bosAdded, scores, spans: prompt.spans, position: traced.position },
    tokens: prompt.tokens.map(({ id, text }) => ({ id, text })),
    lens: lensSection(model, traced, scores),
    ...(said ? { generation: said, looping: (await loopingOf(model, prompt, said, signal)).looping } : {}),
  };
  return detectAll(await sight(context, trace, traced, control && (await control.traced())));
}
