import { entropy as entropyOf, logSoftmax } from '../methods/lens.js';
import { indexOfIds } from '../methods/looping.js';
import { wilson } from '../methods/statistics.js';
import type { Cell, CommandOutcome } from '../residue/types.js';
import type { TracedRun } from '../run/types.js';
import { candidatesOf, namedCandidates, type Candidate, type CandidateSpec } from '../run/value/candidates.js';
import { drawSamples } from '../run/value/samples.js';
import { count, plain, quote } from '../run/words.js';
import { candidatesSchema } from './schema.js';
import type { Command, CommandContext } from './types.js';

interface YieldParams {
  samples?: number;
  tokens?: number;
  temperature?: number;
  until?: 'sentence' | 'length';
  candidates?: CandidateSpec[];
}

type Kind = 'resolved' | 'contradictory' | 'null';
const KINDS: readonly Kind[] = ['resolved', 'contradictory', 'null'];

export const yieldCommand: Command<YieldParams> = {
  name: 'YIELD',
  summary: 'Samples what the model says, and counts how often it settles on one candidate.',
  docs: `**YIELD** lets the model speak N times and counts what comes.

- *resolved*: exactly one candidate stands in the sample. *contradictory*: two or more do. *null*: none does.
- A sample ends with its sentence (\`until: sentence\`: a token that holds \`.\`, \`!\`, \`?\` or a line break) or after \`tokens\` tokens (\`until: length\`).
- Shares come with Wilson's 95 % interval (1927). *entropy* (nats) is that of the next token's distribution at temperature 1.

Sample i has random numbers of its own from the run's seed: the first 16 of 64 samples are the 16 of 16. The control is sampled alike. All of it is **read off**: nothing
inside the model is changed.`,
  params: {
    type: 'object',
    additionalProperties: false,
    properties: {
      samples: { type: 'integer', minimum: 1, maximum: 1024, default: 32, description: 'How many samples. Default 32.' },
      tokens: { type: 'integer', minimum: 1, maximum: 256, default: 12, description: 'Tokens of each at most. Default 12.' },
      temperature: {
        type: 'number',
        exclusiveMinimum: 0,
        maximum: 10,
        default: 1,
        description: 'Default 1: the model’s own distribution.',
      },
      until: { type: 'string', enum: ['sentence', 'length'], default: 'sentence', description: 'Where a sample ends. Default sentence.' },
      candidates: candidatesSchema('What is looked for. Default: the answer and its rivals.', 1),
    },
  },
  snippet: 'YIELD: { samples: ${1:32} }',
  measures: {
    resolved: { unit: 'share', summary: 'Share of samples in which exactly one candidate stands.' },
    contradictory: { unit: 'share', summary: 'Share of samples in which several stand.' },
    null: { unit: 'share', summary: 'Share of samples in which none stands.' },
    right: { unit: 'share', summary: 'Share of samples that are resolved to the answer.' },
    entropy: { unit: 'nats', summary: "Entropy of the next token's distribution." },
    controlResolved: { unit: 'share', summary: 'The resolved share in the control.' },
  },
  check(spec, probe, { candidates }, { tokenizer, control }) {
    for (const prompt of control ? [probe, control] : [probe])
      if (candidates) candidatesOf(candidates, prompt, tokenizer, spec, 'YIELD.candidates');
  },
  async run(context, params) {
    const { probe, control, trace } = context;
    const { samples = 32 } = params;
    const steps = samples * (control ? 2 : 1);
    const here = await sampled(context, probe, params, (done) => context.progress(done, steps));
    const there = control && (await sampled(context, control, params, (done) => context.progress(samples + done, steps)));
    return report(params, here, there, trace.scores!.answer.text);
  },
};

interface Sampled {
  candidates: Candidate[];
  entropy: number;
  samples: { text: string; said: number[]; kind: Kind }[];
}

async function sampled(
  { model, trace, seed, signal }: CommandContext,
  run: TracedRun,
  params: YieldParams,
  progress: (done: number) => void,
): Promise<Sampled> {
  const { tokenizer } = model;
  const { samples = 32, tokens = 12, temperature = 1, until = 'sentence' } = params;
  const candidates = params.candidates
    ? candidatesOf(params.candidates, run.prompt, tokenizer, model.spec, 'YIELD.candidates')
    : namedCandidates(trace.scores!);
  const drawn = await drawSamples(model, run.prompt.ids, {
    samples,
    tokens,
    temperature,
    seed,
    ends: (id) => until === 'sentence' && /[.!?\n]/.test(tokenizer.token(id)),
    signal,
    onProgress: progress,
  });
  return {
    candidates,
    entropy: entropyOf(logSoftmax(run.result.logits!.data)),
    samples: drawn.map((ids) => {
      const said = candidates.flatMap(({ ids: own }, i) => (indexOfIds(ids, own) === null ? [] : [i]));
      // A candidate that is part of a longer one that stands there does not count beside it.
      const whole = said.filter((i) => !said.some((j) => j !== i && contains(candidates[j]!.ids, candidates[i]!.ids)));
      return {
        text: tokenizer.decode(ids, { continuation: true }),
        said: whole,
        kind: whole.length === 0 ? 'null' : whole.length === 1 ? 'resolved' : 'contradictory',
      };
    }),
  };
}

const contains = (long: readonly number[], short: readonly number[]): boolean =>
  long.length > short.length && indexOfIds(long, short) !== null;

function report(params: YieldParams, here: Sampled, there: Sampled | null, answer: string): CommandOutcome {
  const n = here.samples.length;
  const of = ({ samples }: Sampled, kind: Kind): number => samples.filter((one) => one.kind === kind).length;
  const share = (kind: Kind): number => of(here, kind) / n;
  const right = here.samples.filter(({ kind, said }) => kind === 'resolved' && here.candidates[said[0]!]!.text === answer).length;
  const percent = (x: number): string => `${plain(100 * x)} %`;
  const [low, high] = wilson(of(here, 'resolved'), n);
  const row = (label: string, k: number, twin: number | null): Cell[] => {
    const [from, to] = wilson(k, n);
    return [label, k, k / n, from, to, ...(twin === null ? [] : [twin / n])];
  };
  const columns = (first: string) => [
    { label: first },
    { label: 'samples' },
    { label: 'share' },
    { label: 'from', unit: '95 %' },
    { label: 'to', unit: '95 %' },
    ...(there ? [{ label: 'share in control' }] : []),
  ];
  const to = (which: Sampled, i: number): number => which.samples.filter(({ kind, said }) => kind === 'resolved' && said[0] === i).length;
  return {
    name: 'YIELD',
    params: { ...params },
    evidence: 'observed',
    findings: [
      `${of(here, 'resolved')} of ${count(n, 'sample')} settle on one candidate (${percent(share('resolved'))}, 95 % interval ${percent(low)} to ${percent(high)}), ${right} of them on the answer; ${of(here, 'contradictory')} name several, ${of(here, 'null')} none.`,
      ...(there
        ? [`In the control ${of(there, 'resolved')} settle on one, ${of(there, 'contradictory')} name several, ${of(there, 'null')} none.`]
        : []),
    ],
    values: {
      resolved: share('resolved'),
      contradictory: share('contradictory'),
      null: share('null'),
      right: right / n,
      entropy: here.entropy,
      controlResolved: there && of(there, 'resolved') / n,
    },
    curves: [],
    tables: [
      { title: 'What came', columns: columns('outcome'), rows: KINDS.map((kind) => row(kind, of(here, kind), there && of(there, kind))) },
      {
        title: 'What it settled on',
        columns: columns('candidate'),
        rows: here.candidates.map(({ text }, i) => row(quote(text), to(here, i), there && to(there, i))),
      },
      {
        title: 'Samples',
        columns: [{ label: 'sample' }, { label: 'outcome' }, { label: 'says' }, { label: 'text' }],
        rows: here.samples.map(({ text, said, kind }, i) => [
          i + 1,
          kind,
          said.map((one) => quote(here.candidates[one]!.text)).join(', '),
          quote(text),
        ]),
      },
    ],
  };
}
