import { commandByName } from '../../commands/table.js';
import type { CommandOutcome } from '../../residue/types.js';
import type { Opinion } from '../../residue/types-claims.js';
import { forwardCost } from '../cost.js';
import type { Stage, StageContext } from '../stage.js';
import { nats } from '../words.js';
import { judged, opinionOf, sayOf, type Answer } from './opinion.js';
import { readParaphrase, sayingsOf, type ParaphraseReading } from './reading.js';

/** Multiply-adds that reading the headline's paraphrases may cost. */
const BUDGET = 1e11;
/** Heads that a summary names by their contribution. */
export const TOP_HEADS = 8;

/**
 * The second opinion on what is read off the headline: patterns, the collapse point, the heads that contribute most and the verdicts of
 * heads, each looked for again in every paraphrase, which is traced and let to speak for it.
 */
export const secondOpinions: Stage = {
  name: 'second opinions',
  label: 'the same in the paraphrases',
  on: 'headline',
  fills: [],
  when: ({ shell }) => shell.paraphrases.length > 0,
  cost: ({ model, generation }, _, { paraphrases }) =>
    paraphrases.reduce((sum, { prompt }) => sum + forwardCost(model, prompt.ids.length + (generation?.tokens ?? 0)), 0),
  budget: BUDGET,
  overBudget: 'Patterns, collapse point and heads were not looked for in the paraphrases: on a model of this size it would take too long.',
  async run(context) {
    const { subject, paraphrases, progress } = context;
    const read: ParaphraseReading[] = [];
    const said = await sayingsOf(context);
    for (const i of paraphrases.keys()) {
      read.push(await readParaphrase(context, i, said[i]!));
      progress(i + 1, paraphrases.length);
    }
    subject.patterns = subject.patterns.map((pattern) => ({ ...pattern, opinion: ofPattern(pattern, read) }));
    subject.opinions = { collapse: ofCollapse(context, read), heads: ofTopHeads(context, read) };
    for (const [i, outcome] of (subject.trace.commands ?? []).entries()) askAgain(outcome, i, read);
    const { headVerdicts } = subject.trace;
    if (headVerdicts) headVerdicts.heads = headVerdicts.heads.map((one) => judged(one, read));
  },
};

/** The value that a command claims, in every paraphrase that can be asked for it. */
function askAgain(outcome: CommandOutcome, index: number, read: readonly ParaphraseReading[]): void {
  const value = commandByName(outcome.name)?.claimed ?? 'effect';
  const observed = outcome.values[value];
  if (typeof observed !== 'number') return;
  const by = read.flatMap(({ name, claimed }) => (claimed.has(index) ? [sayOf(name, claimed.get(index)!, observed)] : []));
  const opinion = opinionOf(by);
  if (opinion) (outcome.opinions ??= {})[value] = opinion;
}

function ofPattern({ name, present }: { name: string; present: boolean }, read: readonly ParaphraseReading[]): Opinion | null {
  return opinionOf(
    read.flatMap((one): Answer[] => {
      const same = one.patterns.find((pattern) => pattern.name === name);
      if (!same) return [];
      return [
        {
          name: one.name,
          agrees: same.present === present,
          says: `${same.present ? 'present' : 'absent'}, score ${same.score.toFixed(2)}`,
        },
      ];
    }),
  );
}

/** A collapse is the same when it is of one kind, and where the answer was lost, within a tenth of the layers (at least one). */
function ofCollapse({ model, subject }: StageContext, read: readonly ParaphraseReading[]): Opinion | null {
  const here = subject.trace.collapse;
  if (!here || here.kind === 'none') return null;
  const near = Math.max(1, Math.round(model.spec.nLayers / 10));
  return opinionOf(
    read.map(({ name, collapse: { kind, layer } }): Answer => {
      const place = kind === 'lost' && here.kind === 'lost' ? Math.abs(layer! - here.layer!) <= near : true;
      const says = kind === 'none' ? 'does not fail' : kind === 'lost' ? `lost at layer ${layer}` : 'never formed';
      return { name, agrees: kind === here.kind && place, says };
    }),
  );
}

/** A head is the same when its contribution has the same sign there and is again one of the largest. */
function ofTopHeads({ subject }: StageContext, read: readonly ParaphraseReading[]): Map<string, Opinion> {
  const { attribution } = subject.trace;
  const opinions = new Map<string, Opinion>();
  for (const { layer, head, contribution } of attribution ? topHeads(attribution.head) : []) {
    const by = read.map(({ name, heads }): Answer => {
      const order = topHeads(heads, Infinity);
      const rank = order.findIndex((one) => one.layer === layer && one.head === head);
      const there = order[rank]!.contribution;
      return {
        name,
        agrees: rank < TOP_HEADS && Math.sign(there) === Math.sign(contribution),
        says: `${nats(there)}, number ${rank + 1} of ${order.length} by size`,
      };
    });
    const opinion = opinionOf(by);
    if (opinion) opinions.set(`${layer}.${head}`, opinion);
  }
  return opinions;
}

/** The heads with the largest contributions, largest first. */
export function topHeads(
  heads: readonly (readonly number[])[],
  count = TOP_HEADS,
): { layer: number; head: number; contribution: number }[] {
  return heads
    .flatMap((row, layer) => row.map((contribution, head) => ({ layer, head, contribution })))
    .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution) || a.layer - b.layer || a.head - b.head)
    .slice(0, count);
}
