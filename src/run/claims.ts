import { commandByName } from '../commands/table.js';
import { nullBand, type Claim, type NullBand, type Opinion } from '../methods/significance.js';
import { clears, steady } from '../residue/standing.js';
import type { CommandOutcome, Diagnosis, RunTrace } from '../residue/types.js';
import type { PatternFound } from '../residue/types-claims.js';
import { topHeads } from './opinions/stage.js';
import type { Subject } from './subject.js';
import { sentencesOf } from './verdict.js';
import { causeClaims } from './verify/claims.js';
import { count, nats, plain, quote } from './words.js';

/** Verdicts of heads that are told one by one; all of them carry their own null and second opinion. */
const MOST_VERDICTS = 8;

/** What claims are made of: the headline's run, and its paraphrases where it has any. */
export interface Evidence {
  run: RunTrace;
  paraphrases: readonly RunTrace[];
  patterns: readonly PatternFound[];
  /** Of what has no section of its own. */
  opinions?: Subject['opinions'];
  diagnosis?: Diagnosis | null;
}

/**
 * Everything that a residue claims of its headline, each with its null and its second opinion. A claim whose number does not clear its
 * null does not *hold*; one whose second opinion is not of one mind is *unstable*. What was not checked is null, not false.
 */
export function claimsOf({ run, paraphrases, patterns, opinions, diagnosis }: Evidence): Claim[] {
  return [
    ...failureClaims(run, paraphrases),
    ...diagnosisClaims(run, diagnosis ?? null),
    ...collapseClaims(run, opinions?.collapse ?? null),
    ...causeClaims(run).map(claim),
    ...interventionClaims(run.commands ?? []),
    ...spanClaims(run),
    ...topHeadClaims(run, opinions?.heads ?? new Map()),
    ...verdictClaims(run),
    ...patterns.map(patternClaim),
  ];
}

/** A claim with its two judgements drawn from its evidence. */
export function claim(parts: Omit<Claim, 'holds' | 'stable'>): Claim {
  const { opinion } = parts;
  return { ...parts, holds: clears(parts.null), stable: steady(opinion) };
}

/** A pattern that is absent has nothing to clear: its null is kept with the pattern. */
function patternClaim({ name, present, score, null: band, opinion }: PatternFound): Claim {
  return claim({
    name: `pattern.${name}`,
    sentence: `${name} is ${present ? 'present' : 'absent'}`,
    evidence: 'observed',
    value: score,
    unit: 'score',
    null: present ? (band ?? null) : null,
    opinion: opinion ?? null,
  });
}

function failureClaims({ scores }: RunTrace, paraphrases: readonly RunTrace[]): Claim[] {
  if (!scores) return [];
  const scored = paraphrases.filter((one) => one.scores);
  const by = scored.map((one, i): Opinion['by'][number] => ({
    name: `paraphrase ${i + 1}`,
    agrees: one.scores!.failed === scores.failed,
    says: `${one.scores!.failed ? 'fails' : 'does not fail'}, margin ${nats(one.scores!.margin)}`,
  }));
  const opinion = by.length === 0 ? null : { agree: by.filter(({ agrees }) => agrees).length, of: by.length, by };
  return [
    claim({
      name: 'failure',
      sentence: `the prompt ${scores.failed ? 'fails' : 'does not fail'}`,
      evidence: 'observed',
      value: scores.margin,
      unit: 'nats',
      null: null,
      opinion,
    }),
  ];
}

/** What the run comes down to, where something was found: with what other interventions say of it. */
function diagnosisClaims({ headVerdicts }: RunTrace, diagnosis: Diagnosis | null): Claim[] {
  if (!diagnosis || diagnosis.kind === 'none' || diagnosis.kind === 'unexplained') return [];
  const { kind, layer, head, sentence, evidence, effect, null: band = null, opinion } = diagnosis;
  // The null of a ghost is of the attention that it gives for nothing.
  const looks = kind === 'ghost' ? headVerdicts?.heads.find((one) => one.layer === layer && one.head === head)?.attention.probe : undefined;
  const [value, unit] = looks === undefined ? [effect ?? 0, 'nats'] : [looks, 'share'];
  return [claim({ name: 'diagnosis', sentence, evidence, value, unit, null: band, opinion })];
}

/** Where the answer was lost, by the lens: its best margin beside what unrelated tokens of like frequency are apart. */
function collapseClaims({ collapse }: RunTrace, opinion: Opinion | null): Claim[] {
  if (!collapse || collapse.kind === 'none') return [];
  const { kind, layer, peak, peakMargin } = collapse;
  return [
    claim({
      name: 'collapse',
      sentence:
        kind === 'lost'
          ? `the answer leads at layer ${peak} and is lost at layer ${layer}`
          : `the answer never forms: its best margin, at layer ${peak}, is within noise`,
      evidence: 'observed',
      value: peakMargin,
      unit: 'nats',
      null: collapse.null ?? null,
      opinion,
    }),
  ];
}

/** The heads with the largest contributions, each beside the other heads of its layer. */
function topHeadClaims({ attribution, nulls }: RunTrace, opinions: ReadonlyMap<string, Opinion>): Claim[] {
  if (!attribution) return [];
  return topHeads(attribution.head).map(({ layer, head, contribution }) => {
    const others = attribution.head[layer]!.filter((_, h) => h !== head);
    const band = nulls?.contribution ? nullBand(contribution, others, nulls.contribution.of, 'size') : null;
    const q = nulls?.contribution?.q;
    return claim({
      name: `head.${layer}.${head}.contribution`,
      sentence: `head ${layer}.${head} contributes ${nats(Math.abs(contribution))} ${contribution < 0 ? 'against' : 'toward'} the answer`,
      evidence: 'observed',
      value: contribution,
      unit: 'nats',
      null: band && { ...band, q: q![layer]![head]!, over: count(q!.flat().length, 'head') },
      opinion: opinions.get(`${layer}.${head}`) ?? null,
    });
  });
}

/** Verdicts of heads; caused where their intervention confirmed them. */
function verdictClaims({ headVerdicts }: RunTrace): Claim[] {
  const told = headVerdicts?.heads.filter(({ verdict }) => verdict !== 'none') ?? [];
  return told.slice(0, MOST_VERDICTS).map((one) => {
    const { layer, head, verdict, loss, write, attention, test } = one;
    const [value, unit] =
      verdict === 'ghost'
        ? [attention.probe, 'share']
        : verdict === 'trace-drop' || verdict === 'conflict'
          ? [write.probe, 'nats']
          : [loss ?? 0, 'nats'];
    return claim({
      name: `head.${layer}.${head}.verdict`,
      sentence: `head ${layer}.${head} on ${quote(headVerdicts!.span)}: ${verdict}`,
      evidence: test?.confirmed ? 'caused' : 'observed',
      value,
      unit,
      null: one.null ?? null,
      opinion: one.opinion ?? null,
    });
  });
}

/**
 * What the interventions of each command have shown, with the null and the second opinion of the value that it is about. The second command
 * of one name has the number 2: `INHIBIT.2.effect`.
 */
function interventionClaims(outcomes: readonly CommandOutcome[]): Claim[] {
  return outcomes.flatMap((outcome, i) => {
    const { name, evidence, values, nulls, opinions, measures } = outcome;
    const before = outcomes.slice(0, i).filter((one) => one.name === name).length;
    const measure = commandByName(name)?.claimed ?? 'effect';
    const value = values[measure];
    return sentencesOf(outcome).map((sentence) =>
      claim({
        name: [name, ...(before > 0 ? [before + 1] : []), measure].join('.'),
        sentence,
        evidence,
        value: typeof value === 'number' ? value : 0,
        unit: measures?.[measure]?.unit ?? 'nats',
        null: nulls?.[measure] ?? null,
        opinion: opinions?.[measure] ?? null,
      }),
    );
  });
}

/** What the answer position takes from each span, beside what it takes from random ones. */
function spanClaims({ nulls, attention, salience }: RunTrace): Claim[] {
  return Object.entries(nulls?.spans ?? {}).flatMap(([name, bands]) => {
    const read = attention?.spans[name];
    if (!read) return [];
    const make = (measure: string, value: number, unit: string, words: string, band: NullBand): Claim =>
      claim({ name: `span.${name}.${measure}`, sentence: words, evidence: 'observed', value, unit, null: band, opinion: null });
    const heads = read.attention.flat();
    const looked = heads.reduce((a, b) => a + b, 0) / Math.max(1, heads.length);
    const written = read.contribution.flat().reduce((a, b) => a + b, 0);
    const flow = salience?.flow?.span === name ? salience.flow.share : null;
    const shown = quote(name);
    return [
      make('attention', looked, 'share', `the answer position attends to ${shown}: ${plain(100 * looked)} % on average`, bands.attention),
      ...(flow
        ? [
            make(
              'flow',
              flow.reduce((a, b) => a + b, 0) / flow.length,
              'share',
              `what attention brings comes from ${shown}: ${plain((100 * flow.reduce((a, b) => a + b, 0)) / flow.length)} % on average`,
              bands.flow,
            ),
          ]
        : []),
      make(
        'contribution',
        written,
        'nats',
        `the heads write ${nats(Math.abs(written))} ${written < 0 ? 'against' : 'toward'} the answer from ${shown}`,
        bands.contribution,
      ),
    ];
  });
}
