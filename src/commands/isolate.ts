import { againstRest, bifurcationRow, leadChanges, RISEN } from '../methods/competition.js';
import { argmax } from '../methods/statistics.js';
import type { CommandOutcome } from '../residue/types.js';
import { directionOf, termsOf } from '../run/attribute.js';
import { writesOf } from '../run/trace.js';
import { candidateLens } from '../run/value/trajectory.js';
import { candidatesOf, namedCandidates, type Candidate, type CandidateSpec } from '../run/value/candidates.js';
import { count, nats, plain, quote } from '../run/words.js';
import { candidatesSchema } from './schema.js';
import { range } from './shared.js';
import type { Command, CommandContext } from './types.js';

interface IsolateParams {
  candidates?: CandidateSpec[];
}

/** Candidates that a chart shows; all are in the table. */
const SHOWN = 5;

export const isolate: Command<IsolateParams> = {
  name: 'ISOLATE',
  summary: 'Follows each candidate through the layers, and says which heads write for which.',
  docs: `**ISOLATE** takes the candidates that compete for the answer position p apart.

- *lens trajectory* (probability): exp of the sum over the candidate's tokens of log softmax U · N(r_l) at the position before each, the tokens before it given
  (logit lens, nostalgebraist 2020). At the last layer it is the model's own probability of the whole string.
- *bifurcation*: the first layer at which two candidates have probability ${RISEN} or more.
- *contribution* (nats): what a head or MLP writes at p to the logit of the candidate's first token, minus the mean of what it writes to the others' (direct logit
  attribution, Elhage et al. 2021). Of two candidates it is the contribution to their difference.

\`candidates\`: default the answer and its rivals. All of it is **read off**: nothing is changed.`,
  params: {
    type: 'object',
    additionalProperties: false,
    properties: { candidates: candidatesSchema('What competes. Default: the answer and its rivals.', 2) },
  },
  snippet: 'ISOLATE: {}',
  measures: {
    bifurcation: { unit: 'layer', summary: `The first layer at which two candidates have probability ${RISEN} or more.` },
    risen: { unit: 'candidates', summary: `Candidates with probability ${RISEN} or more at the output.` },
    leader: { unit: '', summary: 'The candidate that is ahead at the output.' },
    lead: { unit: 'nats', summary: 'Its log-probability minus that of the next.' },
    leadChanges: { unit: 'changes', summary: 'How often the lead passes from one candidate to another in the later half of the layers.' },
    controlBifurcation: { unit: 'layer', summary: 'The bifurcation in the control.' },
  },
  check(spec, probe, { candidates }, { tokenizer, control }) {
    for (const prompt of control ? [probe, control] : [probe])
      if (candidates) candidatesOf(candidates, prompt, tokenizer, spec, 'ISOLATE.candidates');
  },
  async run(context, params) {
    const { model, probe, control, trace, signal } = context;
    const of = (prompt: typeof probe.prompt): Candidate[] =>
      params.candidates
        ? candidatesOf(params.candidates, prompt, model.tokenizer, model.spec, 'ISOLATE.candidates')
        : namedCandidates(trace.scores!);
    const candidates = of(probe.prompt);
    const here = await candidateLens(model, probe, candidates, signal);
    const there = control && (await candidateLens(model, control, of(control.prompt), signal));
    const parts = await contributions(context, candidates);
    return report(params, candidates, here, there, parts);
  },
};

interface Part {
  component: string;
  /** Per candidate, against the mean of the others. */
  for: number[];
}

async function contributions({ model, probe, signal }: CommandContext, candidates: readonly Candidate[]): Promise<Part[]> {
  const terms = await termsOf(
    model,
    writesOf(model, probe),
    candidates.map(({ ids }) => directionOf(model, probe, ids[0]!, null)),
    signal,
  );
  return range(model.spec.nLayers).flatMap((layer) => [
    ...range(model.spec.nHeads).map((head) => ({
      component: `${layer}.${head}`,
      for: againstRest(terms.map((one) => one.head[layer]![head]!)),
    })),
    { component: `MLP ${layer}`, for: againstRest(terms.map((one) => one.mlp[layer]!)) },
  ]);
}

function report(
  params: IsolateParams,
  candidates: readonly Candidate[],
  here: number[][],
  there: number[][] | null,
  parts: readonly Part[],
): CommandOutcome {
  const last = here[0]!.length - 1;
  const probs = here.map((row) => row.map(Math.exp));
  const final = here.map((row) => row[last]!);
  const order = range(candidates.length).sort((a, b) => final[b]! - final[a]!);
  const [first, second] = order as [number, number | undefined];
  const bifurcation = bifurcationRow(probs);
  const risen = probs.filter((row) => row[last]! >= RISEN).length;
  const lead = second === undefined ? null : final[first]! - final[second]!;
  const changes = leadChanges(here, Math.ceil(last / 2));
  const name = (i: number): string => quote(candidates[i]!.text);
  const controlProbs = there && there.map((row) => row.map(Math.exp));
  const strongest = order.slice(0, 2).map((i) => ({ i, part: parts[argmax(parts.map((part) => part.for[i]!))]! }));
  const findings = [
    bifurcation === null
      ? `At no layer do two of the ${count(candidates.length, 'candidate')} have probability ${RISEN} or more.`
      : `At least two candidates have risen to ${RISEN} or more by layer ${bifurcation} of ${last}; ${risen} at the output.`,
    lead === null
      ? `${name(first)} is the only candidate, with probability ${plain(probs[first]![last]!)} at the output.`
      : `${name(first)} is ahead at the output (${plain(probs[first]![last]!)}), ${nats(lead)} before ${name(second!)} (${plain(probs[second!]![last]!)}); the lead changes ${count(changes, 'time')} in the later half of the layers.`,
    ...strongest.map(({ i, part }) =>
      part.for[i]! > 0
        ? `${component(part)} writes most for ${name(i)}: ${nats(part.for[i]!)} against the other candidates.`
        : `No head or MLP writes for the first token of ${name(i)} against those of the other candidates.`,
    ),
  ];
  // The chart has room for few: those that rise highest anywhere.
  const shown = range(candidates.length)
    .sort((a, b) => Math.max(...probs[b]!) - Math.max(...probs[a]!))
    .slice(0, SHOWN)
    .sort((a, b) => a - b);
  const trajectory = (title: string, rows: number[][]): CommandOutcome['curves'][number] => ({
    title,
    xLabel: 'layer',
    yLabel: 'lens probability',
    unit: '',
    x: range(last + 1),
    series: shown.map((i) => ({ label: name(i), y: rows[i]! })),
  });
  const table = (title: string, first: string, rows: readonly Part[]): CommandOutcome['tables'][number] => ({
    title,
    columns: [{ label: first }, ...order.map((i) => ({ label: `for ${name(i)}`, unit: 'nats' }))],
    rows: [...rows]
      .sort((a, b) => Math.max(...b.for.map(Math.abs)) - Math.max(...a.for.map(Math.abs)))
      .map((part) => [first === 'layer' ? Number(part.component.slice('MLP '.length)) : part.component, ...order.map((i) => part.for[i]!)]),
  });
  return {
    name: 'ISOLATE',
    params: { ...params },
    evidence: 'observed',
    findings,
    values: {
      bifurcation,
      risen,
      leader: candidates[first]!.text,
      lead,
      leadChanges: changes,
      controlBifurcation: controlProbs && bifurcationRow(controlProbs),
    },
    curves: [
      trajectory('Candidates by layer', probs),
      ...(controlProbs ? [trajectory('Candidates by layer, in the control', controlProbs)] : []),
    ],
    tables: [
      {
        title: 'Candidates',
        columns: [
          { label: 'candidate' },
          { label: 'tokens' },
          { label: 'probability' },
          { label: 'log-probability', unit: 'nats' },
          { label: 'highest', unit: 'probability' },
          { label: 'at layer' },
          ...(controlProbs ? [{ label: 'in the control', unit: 'probability' }] : []),
        ],
        rows: order.map((i) => {
          const peak = argmax(probs[i]!);
          const more = controlProbs ? [controlProbs[i]!.at(-1)!] : [];
          return [name(i), candidates[i]!.ids.length, probs[i]![last]!, final[i]!, probs[i]![peak]!, peak, ...more];
        }),
      },
      table(
        'Heads by what they write for each candidate',
        'head',
        parts.filter(({ component: c }) => !c.startsWith('MLP')),
      ),
      table(
        'MLPs by what they write for each candidate',
        'layer',
        parts.filter(({ component: c }) => c.startsWith('MLP')),
      ),
    ],
  };
}

const component = ({ component: c }: Part): string => (c.startsWith('MLP') ? c : `Head ${c}`);
