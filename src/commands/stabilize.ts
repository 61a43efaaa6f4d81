import { nullBand } from '../methods/significance.js';
import { flipDose } from '../methods/competition.js';
import { logSoftmax, margin, strongestOf } from '../methods/lens.js';
import { Random } from '../methods/random.js';
import { argmax, mean, standardDeviation } from '../methods/statistics.js';
import type { Cell, CommandOutcome } from '../residue/types.js';
import { candidateOf, type Candidate, type CandidateSpec } from '../run/value/candidates.js';
import { headContributions, headLabel, outputsOf, scaleHeads, type HeadName, type Where } from '../run/value/heads.js';
import type { TracedRun } from '../run/types.js';
import type { AnswerSpec } from '../shell/types.js';
import { count, nats, plain, quote } from '../run/words.js';
import { candidateSchema, dosesSchema, whereSchema } from './schema.js';
import { CLAIM, range } from './shared.js';
import type { Command, CommandContext } from './types.js';

interface StabilizeParams {
  candidate?: CandidateSpec;
  doses?: number[];
  at?: Where;
}

/** 1, 1.25 … 4. */
const DOSES = range(13).map((i) => 1 + i / 4);
/** Random sets of as many heads that are scaled beside the supporting ones. */
export const NULL_SETS = 32;
/** What stands for a dose that was not found. */
export const NEVER = '∞';

const NOTHING = { dose: null, gain: null, margin: null, heads: null, p: null, controlDose: null };

export const stabilize: Command<StabilizeParams> = {
  name: 'STABILIZE',
  summary: 'Scales the heads that support one candidate until it wins, or does not.',
  docs: `**STABILIZE** asks how much more of what already speaks for a candidate would make it win.

- *supporting heads*: those with a positive contribution at p to logit(candidate) − logit(strongest other candidate) (direct logit attribution, Elhage et al. 2021).
- *margin* (nats): log p(candidate) − max over the others of log p, first tokens. The others are the answer and its rivals.
- All supporting heads' z is multiplied by the dose: 1, 1.25 … 4. *dose* is the least one from which the margin stays above 0; ∞ if there is none.
- *p*: ${NULL_SETS} random sets of as many heads are scaled to the greatest dose too; p = (1 + sets that gain as much) / ${NULL_SETS + 1}.

\`at: answer\` (default) scales at p alone; \`at: all\` at every position. The same heads are scaled in the control. This is **tested by intervention**.`,
  params: {
    type: 'object',
    additionalProperties: false,
    properties: {
      candidate: candidateSchema('Whose heads are scaled. Default: the answer.'),
      doses: dosesSchema('Factors to scale by. Default 1, 1.25 … 4.', 0),
      at: whereSchema,
    },
  },
  snippet: 'STABILIZE: { candidate: "${1: red}" }',
  measures: {
    dose: { unit: '×', summary: 'The least dose from which the candidate stays ahead; ∞ if there is none.' },
    gain: { unit: 'nats', summary: 'Margin at the greatest dose minus margin unchanged.' },
    margin: { unit: 'nats', summary: 'Margin of the candidate at the greatest dose.' },
    heads: { unit: 'heads', evidence: 'observed', summary: 'How many heads support the candidate.' },
    p: { unit: '', summary: 'Share of random sets of as many heads that gain as much.' },
    controlDose: { unit: '×', summary: 'The dose in the control.' },
  },
  check(spec, probe, { candidate }, { tokenizer }) {
    if (candidate !== undefined) candidateOf(candidate, probe, tokenizer, spec, 'STABILIZE.candidate');
  },
  async run(context, params) {
    const { model, probe, control, signal } = context;
    const { candidate, own, others, all, supporting, doses } = await supportOf(context, params);
    if (supporting.length === 0) return nothingToScale(params, candidate);
    const read = (logits: Float32Array): Reading => {
      const row = logSoftmax(logits);
      const top = argmax(row);
      return { margin: margin(row, own, others), probability: Math.exp(row[own]!), says: model.tokenizer.token(top) };
    };
    // Nothing is gained by scaling down: there is no dose to hold random sets against.
    const sets = doses.at(-1)! > 1 ? randomSets(all, supporting.length, context.seed) : [];
    const steps = doses.length * (control ? 2 : 1) + sets.length;
    const where = params.at ?? 'answer';
    const scaled = (run: TracedRun, heads: readonly HeadName[], dose: number) => scaleHeads(heads, dose, where, run.position);
    const curve = (run: TracedRun, from: number): Promise<Reading[]> =>
      outputsOf(
        model,
        run.prompt.ids,
        doses.map((dose) => (dose === 1 ? [] : scaled(run, supporting, dose))),
        read,
        where,
        { signal, onProgress: (done) => context.progress(from + done, steps) },
      );
    const here = await curve(probe, 0);
    const nulls = await outputsOf(
      model,
      probe.prompt.ids,
      sets.map((set) => scaled(probe, set, doses.at(-1)!)),
      (logits) => margin(logSoftmax(logits), own, others),
      where,
      { signal, onProgress: (done) => context.progress(doses.length + done, steps) },
    );
    const there = control && (await curve(control, doses.length + sets.length));
    return report(params, { candidate, doses, supporting, here, there, nulls });
  },
  claims({ params, values: { gain, dose } }) {
    if (typeof gain !== 'number' || gain < CLAIM) return [];
    const { candidate } = params as StabilizeParams;
    const whose = candidate === undefined ? 'the answer' : typeof candidate === 'string' ? quote(candidate) : JSON.stringify(candidate);
    return [
      `the heads that support ${whose} carry it: scaled up they gain ${nats(gain)}${typeof dose === 'number' && dose > 1 ? ` and win from ${plain(dose)} times on` : ''}`,
    ];
  },
  claimed: 'gain',
  async again(context, params) {
    const { model, shell, probe, signal } = context;
    // What the shell calls its answer is another word in a paraphrase that asks for another.
    const same = isAnswer(params.candidate, shell.answer);
    const { own, others, supporting, doses } = await supportOf(context, same ? { ...params, candidate: undefined } : params);
    if (supporting.length === 0 || doses.at(-1)! <= 1) return null;
    const where = params.at ?? 'answer';
    const [before, after] = await outputsOf(
      model,
      probe.prompt.ids,
      [[], scaleHeads(supporting, doses.at(-1)!, where, probe.position)],
      (logits) => margin(logSoftmax(logits), own, others),
      where,
      { signal },
    );
    return after! - before!;
  },
};

const isAnswer = (candidate: CandidateSpec | undefined, answer: AnswerSpec): boolean =>
  typeof candidate === 'object'
    ? answer.kind === 'tokens' && candidate.tokens.join() === answer.tokens.join()
    : answer.kind === 'text' && candidate === answer.text;

/** The candidate, what it is held against, and the heads that support it in this prompt. */
async function supportOf(context: CommandContext, params: StabilizeParams) {
  const { model, probe, trace, signal } = context;
  const { answer, rivals } = trace.scores!;
  const candidate: Candidate =
    params.candidate === undefined
      ? answer
      : candidateOf(params.candidate, probe.prompt, model.tokenizer, model.spec, 'STABILIZE.candidate');
  const own = candidate.ids[0]!;
  // A candidate that begins as this one does cannot be told from it here.
  const others = [answer, ...rivals].map(({ ids }) => ids[0]!).filter((id) => id !== own);
  const unchanged = logSoftmax(probe.result.logits!.data);
  const rival = others.length > 0 ? others[strongestOf(unchanged, others)!]! : null;
  const all = await headContributions(model, probe, own, rival, signal);
  const supporting = all.filter(({ contribution }) => contribution > 0);
  const doses = [...new Set([1, ...(params.doses ?? DOSES)])].sort((a, b) => a - b);
  return { candidate, own, others, all, supporting, doses };
}

interface Reading {
  margin: number;
  probability: number;
  says: string;
}

interface Scaled {
  candidate: Candidate;
  doses: number[];
  supporting: readonly (HeadName & { contribution: number })[];
  here: Reading[];
  there: Reading[] | null;
  nulls: number[];
}

function nothingToScale(params: StabilizeParams, { text }: Candidate): CommandOutcome {
  return {
    name: 'STABILIZE',
    params: { ...params },
    evidence: 'observed',
    findings: [`No head supports ${quote(text)}, so there is nothing to scale.`],
    values: { ...NOTHING, heads: 0, dose: NEVER },
    curves: [],
    tables: [],
  };
}

/** Random sets of as many heads, from the run's seed. */
function randomSets(all: readonly HeadName[], size: number, seed: number): HeadName[][] {
  const random = new Random(seed);
  return range(NULL_SETS).map(() => random.sample(all.length, size).map((i) => all[i]!));
}

function report(params: StabilizeParams, { candidate, doses, supporting, here, there, nulls }: Scaled): CommandOutcome {
  const name = quote(candidate.text);
  const margins = here.map((one) => one.margin);
  const base = margins[doses.indexOf(1)]!;
  const last = margins.at(-1)!;
  const gain = doses.at(-1)! > 1 ? last - base : null;
  const found = flipDose(doses, margins);
  const nullGains = nulls.map((m) => m - base);
  const band = gain === null ? null : nullBand(gain, nullGains, `${count(nullGains.length, 'random set')} of as many heads`);
  const dose: Cell = found ?? NEVER;
  const controlDose: Cell = there
    ? (flipDose(
        doses,
        there.map((one) => one.margin),
      ) ?? NEVER)
    : null;
  const top = plain(doses.at(-1)!);
  const findings = [
    gain === null
      ? `No dose above 1 is given, so the ${count(supporting.length, 'head')} that support ${name} were not scaled up; its margin is ${nats(base)} as it is, and ${nats(margins[0]!)} at ${plain(doses[0]!)} times (tested by intervention).`
      : base > 0
        ? `${name} is ahead already, by ${nats(base)}; its ${count(supporting.length, 'supporting head')} at ${top} times bring it to ${nats(last)} (tested by intervention).`
        : found === null
          ? `Scaling the ${count(supporting.length, 'head')} that support ${name} up to ${top} times never makes it win: the margin goes from ${nats(base)} to ${nats(last)} (tested by intervention).`
          : `Scaling the ${count(supporting.length, 'head')} that support ${name} makes it win from ${plain(found)} times on: the margin goes from ${nats(base)} to ${nats(last)} at ${top} times (tested by intervention).`,
    ...(band
      ? [
          `Random sets of as many heads at ${top} times change the margin by ${nats(mean(nullGains))} on average (${plain(standardDeviation(nullGains))} standard deviation; p = ${plain(band.p, 2)}; tested by intervention).`,
        ]
      : []),
    ...(controlDose === null
      ? []
      : [
          controlDose === NEVER
            ? 'In the control it never wins (tested by intervention).'
            : `In the control it is ahead from ${plain(Number(controlDose))} times on (tested by intervention).`,
        ]),
  ];
  const says = (rows: readonly Reading[], i: number): Cell[] => [rows[i]!.margin, rows[i]!.probability, quote(rows[i]!.says)];
  return {
    name: 'STABILIZE',
    params: { ...params },
    evidence: 'caused',
    findings,
    values: { dose, gain, margin: last, heads: supporting.length, p: band && band.p, controlDose },
    ...(band ? { nulls: { gain: band } } : {}),
    curves: [
      {
        title: `Margin of ${name} as its supporting heads are scaled`,
        evidence: 'caused',
        xLabel: 'dose (times)',
        yLabel: 'margin',
        unit: 'nats',
        x: doses,
        series: [{ label: 'probe', y: margins }, ...(there ? [{ label: 'control', y: there.map((one) => one.margin) }] : [])],
      },
    ],
    tables: [
      {
        title: 'Dose and response',
        evidence: 'caused',
        columns: [
          { label: 'dose', unit: '×' },
          { label: 'margin', unit: 'nats' },
          { label: `p(${name})` },
          { label: 'says' },
          ...(there ? [{ label: 'margin in control', unit: 'nats' }, { label: 'p in control' }, { label: 'control says' }] : []),
        ],
        rows: doses.map((one, i) => [one, ...says(here, i), ...(there ? says(there, i) : [])]),
      },
      {
        title: `Heads that support ${name}`,
        evidence: 'observed',
        columns: [{ label: 'head' }, { label: 'contribution', unit: 'nats' }],
        rows: [...supporting].sort((a, b) => b.contribution - a.contribution).map((one) => [headLabel(one), one.contribution]),
      },
    ],
  };
}
