import { cosine, difference, isDirection, norm } from '../methods/directions.js';
import { jensenShannon } from '../methods/divergence.js';
import { checkPair, runSolo, type AtAnswer, type Solo } from '../run/instruction/solo.js';
import { nats, plain, quote } from '../run/words.js';
import { describeOutput, pairParams, topTable, type PairParams } from './instructions.js';
import { contest, range, withoutSpan } from './shared.js';
import { missingSpan } from './anchors.js';
import type { Command } from './types.js';

const NOTHING = {
  jsBetween: null,
  saysA: null,
  saysB: null,
  saysNeither: null,
  entropyA: null,
  entropyB: null,
  marginA: null,
  marginB: null,
  marginNeither: null,
  cosine: null,
  leastCosine: null,
  leastCosineLayer: null,
  positionEffectA: null,
  positionEffectB: null,
};

export const distill: Command<PairParams> = {
  name: 'DISTILL',
  summary: 'Reads what each of two instructions does alone: what the model then says, and the direction it gives the residual stream.',
  docs: `**DISTILL** runs the prompt without instruction b (so that a stands alone), without a, and without both. The other instruction's tokens are cut out; what remains keeps its
position ids (\`positions: kept\`, which is the same as forbidding every later token to attend to the instruction) or is closed up (\`closed\`).

- the *output* of each: its likeliest tokens, entropy and margin; *jsBetween*: Jensen-Shannon divergence of a alone and b alone (Lin 1991), 0 … ln 2 nats.
- the *direction* of each at the answer position p and every layer: d_a,l = r_l(p | a alone) − r_l(p | neither), its length, and the *cosine* between d_a and d_b: −1 they pull apart, 0 they do not touch, 1 they ask for the same.
- *positionEffect* (nats): Jensen-Shannon divergence between the solo run with positions kept and closed up. What is not small beside jsBetween is not the instruction's alone.

All of it is **read off** runs of other prompts; within a run nothing is changed.`,
  params: pairParams,
  snippet: 'DISTILL: { a: ${1:first}, b: ${2:second} }',
  measures: {
    jsBetween: { unit: 'nats', summary: 'Jensen-Shannon divergence between the outputs of a alone and b alone; at most 0.693.' },
    saysA: { unit: '', summary: 'The likeliest token with a alone.' },
    saysB: { unit: '', summary: 'The likeliest token with b alone.' },
    saysNeither: { unit: '', summary: 'The likeliest token with neither.' },
    entropyA: { unit: 'nats', summary: 'Entropy of the output with a alone.' },
    entropyB: { unit: 'nats', summary: 'Entropy of the output with b alone.' },
    marginA: { unit: 'nats', summary: 'Margin with a alone.' },
    marginB: { unit: 'nats', summary: 'Margin with b alone.' },
    marginNeither: { unit: 'nats', summary: 'Margin with neither.' },
    cosine: { unit: '', summary: 'Cosine of both directions after the last layer.' },
    leastCosine: { unit: '', summary: 'The smallest cosine of any layer.' },
    leastCosineLayer: { unit: 'layer', summary: 'Its layer.' },
    positionEffectA: { unit: 'nats', summary: 'Divergence of a alone with positions kept from a alone closed up.' },
    positionEffectB: { unit: 'nats', summary: 'The same for b.' },
  },
  check(_spec, probe, params) {
    checkPair(probe, params, 'DISTILL');
  },
  async run(context, params) {
    const { model, probe, signal } = context;
    const missing = missingSpan(probe.prompt, [params.a, params.b]);
    if (missing !== null) return withoutSpan('DISTILL', { ...params }, missing, NOTHING);
    const placing = params.positions ?? 'kept';
    const solo = await runSolo(model, probe, params, placing, signal);
    context.progress(1, 2);
    const other = await runSolo(model, probe, params, placing === 'kept' ? 'closed' : 'kept', signal);
    const token = (id: number): string => model.tokenizer.token(id);
    const of = (run: AtAnswer) => describeOutput(run.logprobs, contest(context), token);
    const [a, b, neither] = [of(solo.a), of(solo.b), of(solo.neither)];
    const jsBetween = jensenShannon(solo.a.logprobs, solo.b.logprobs);
    const moved = { a: jensenShannon(solo.a.logprobs, other.a.logprobs), b: jensenShannon(solo.b.logprobs, other.b.logprobs) };
    const { cosines, lengths } = directions(solo);
    const least = cosines.reduce<number | null>((best, c, l) => (c !== null && (best === null || c < cosines[best]!) ? l : best), null);
    const last = cosines.at(-1) ?? null;
    const [nameA, nameB] = [quote(params.a), quote(params.b)];
    const rows = range(cosines.length);
    return {
      name: 'DISTILL',
      params: { ...params },
      evidence: 'observed',
      findings: [
        `${nameA} alone says ${quote(a.says)} (${plain(100 * a.probability)} %), ${nameB} alone ${quote(b.says)} (${plain(100 * b.probability)} %), neither ${quote(neither.says)}; the two outputs are ${nats(jsBetween)} apart, of at most ${plain(Math.LN2)}.`,
        last === null
          ? 'One of the two leaves the answer position as it is, so there is no angle between them.'
          : `After the last layer the two directions have a cosine of ${plain(last)}; the smallest is ${plain(cosines[least!]!)}, at layer ${least}.`,
        `Closing up the positions moves the outputs by ${nats(moved.a)} and ${nats(moved.b)}${Math.max(moved.a, moved.b) > jsBetween / 2 ? ': more than half of what lies between the instructions, so their places matter as well' : ''}.`,
      ],
      values: {
        jsBetween,
        saysA: a.says,
        saysB: b.says,
        saysNeither: neither.says,
        entropyA: a.entropy,
        entropyB: b.entropy,
        marginA: a.margin,
        marginB: b.margin,
        marginNeither: neither.margin,
        cosine: last,
        leastCosine: least === null ? null : cosines[least]!,
        leastCosineLayer: least,
        positionEffectA: moved.a,
        positionEffectB: moved.b,
      },
      curves: [
        {
          title: 'Cosine of the two directions',
          xLabel: 'layer',
          yLabel: 'cosine',
          unit: '',
          x: rows,
          series: [{ label: `${params.a}, ${params.b}`, y: cosines }],
        },
        {
          title: "Length of each instruction's direction",
          xLabel: 'layer',
          yLabel: 'length',
          unit: 'share of the residual stream',
          x: rows,
          series: [
            { label: params.a, y: lengths.a },
            { label: params.b, y: lengths.b },
          ],
        },
      ],
      tables: [
        topTable(
          'Likeliest tokens with each instruction alone',
          [
            { label: params.a, logprobs: solo.a.logprobs },
            { label: params.b, logprobs: solo.b.logprobs },
            { label: 'neither', logprobs: solo.neither.logprobs },
            { label: 'both', logprobs: solo.both.logprobs },
          ],
          token,
        ),
        {
          title: 'Output with each instruction alone',
          columns: [
            { label: 'prompt' },
            { label: 'says' },
            { label: 'probability' },
            { label: 'entropy', unit: 'nats' },
            { label: 'margin', unit: 'nats' },
          ],
          rows: (
            [
              [params.a, a],
              [params.b, b],
              ['neither', neither],
              ['both', of(solo.both)],
            ] as const
          ).map(([label, one]) => [label, one.says, one.probability, one.entropy, one.margin]),
        },
      ],
    };
  },
};

/** Cosine by residual row, null where either has no direction; lengths relative to the stream with neither. */
function directions({ a, b, neither }: Solo): { cosines: (number | null)[]; lengths: { a: number[]; b: number[] } } {
  const cosines: (number | null)[] = [];
  const lengths: { a: number[]; b: number[] } = { a: [], b: [] };
  neither.rows.forEach((base, l) => {
    const dA = difference(a.rows[l]!, base);
    const dB = difference(b.rows[l]!, base);
    cosines.push(isDirection(dA, base) && isDirection(dB, base) ? cosine(dA, dB) : null);
    const size = norm(base);
    lengths.a.push(size > 0 ? norm(dA) / size : 0);
    lengths.b.push(size > 0 ? norm(dB) / size : 0);
  });
  return { cosines, lengths };
}
