import { conflict, SUPPRESSED } from '../methods/conflict.js';
import { difference, isDirection, jointFit, shareAlong } from '../methods/directions.js';
import { jensenShannon } from '../methods/divergence.js';
import { checkPair, runSolo, type Solo } from '../run/instruction/solo.js';
import { nats, plain, quote } from '../run/words.js';
import { missingSpan } from './anchors.js';
import { describeOutput, pairParams, topTable, type PairParams } from './instructions.js';
import { contest, range, withoutSpan } from './shared.js';
import type { Command } from './types.js';

const NOTHING = {
  jsToA: null,
  jsToB: null,
  jsBetween: null,
  nearer: null,
  says: null,
  entropy: null,
  projectionA: null,
  projectionB: null,
  suppressedLayers: null,
  mutualSuppression: null,
  interaction: null,
};

export const splice: Command<PairParams> = {
  name: 'SPLICE',
  summary: 'Compares both instructions together with each alone: whose output it is, and what is left of each direction.',
  docs: `**SPLICE** takes the prompt with both instructions and asks what is left of each, measured against its solo run (see DISTILL):

- *jsToA*, *jsToB* (nats): Jensen-Shannon divergence of the output from that of a alone and of b alone (Lin 1991); *jsBetween*, of the two from each other. Both above half of jsBetween: the output is neither's.
- *projection* at p by layer: ((r_both − r_neither) · d_a) / ‖d_a‖², the part of a's solo direction that is there. 1: all of it. 0: none. **Mutual suppression**: both below ${SUPPRESSED}.
- *interaction* (share): what of r_both − r_neither neither direction explains, by least squares on both; the table also gives the coefficients of that fit, which share nothing between them.

Layers without a direction (the embedding, where p's token is the same) have no projection. All of it is **read off**.`,
  params: pairParams,
  snippet: 'SPLICE: { a: ${1:first}, b: ${2:second} }',
  measures: {
    jsToA: { unit: 'nats', summary: 'Jensen-Shannon divergence of both together from a alone.' },
    jsToB: { unit: 'nats', summary: 'Jensen-Shannon divergence of both together from b alone.' },
    jsBetween: { unit: 'nats', summary: 'Jensen-Shannon divergence of a alone from b alone.' },
    nearer: { unit: '', summary: 'The span whose solo output is nearer to that of both.' },
    says: { unit: '', summary: 'The likeliest token with both.' },
    entropy: { unit: 'nats', summary: 'Entropy of the output with both.' },
    projectionA: { unit: 'share', summary: "Part of a's solo direction that is there after the last layer." },
    projectionB: { unit: 'share', summary: "Part of b's solo direction that is there after the last layer." },
    suppressedLayers: { unit: 'layers', summary: `Residual rows in which both projections are below ${SUPPRESSED}.` },
    mutualSuppression: { unit: '', summary: `Whether both projections are below ${SUPPRESSED} after the last layer.` },
    interaction: { unit: 'share', summary: 'What neither direction explains after the last layer, as a share of the squared change.' },
  },
  check(_spec, probe, params) {
    checkPair(probe, params, 'SPLICE');
  },
  async run(context, params) {
    const { model, probe, signal } = context;
    const missing = missingSpan(probe.prompt, [params.a, params.b]);
    if (missing !== null) return withoutSpan('SPLICE', { ...params }, missing, NOTHING);
    const solo = await runSolo(model, probe, params, params.positions ?? 'kept', signal);
    const { both, a, b } = solo;
    const jsToA = jensenShannon(both.logprobs, a.logprobs);
    const jsToB = jensenShannon(both.logprobs, b.logprobs);
    const jsBetween = jensenShannon(a.logprobs, b.logprobs);
    const token = (id: number): string => model.tokenizer.token(id);
    const output = describeOutput(both.logprobs, contest(context), token);
    const rows = projections(solo);
    const last = rows.at(-1)!;
    const suppressed = rows.flatMap((row, l) => (isSuppressed(row) ? [l] : []));
    const nearer = jsToA <= jsToB ? params.a : params.b;
    const [nameA, nameB] = [quote(params.a), quote(params.b)];
    const x = range(rows.length);
    const none = last.a === null || last.b === null;
    return {
      name: 'SPLICE',
      params: { ...params },
      evidence: 'observed',
      findings: [
        `With both, the model says ${quote(output.says)} (${plain(100 * output.probability)} %): ${nats(jsToA)} from ${nameA} alone and ${nats(jsToB)} from ${nameB} alone, which lie ${nats(jsBetween)} apart${conflict(jsToA, jsToB, jsBetween, null).far ? '; the output is neither’s' : ''}.`,
        none
          ? 'One of the two has no direction after the last layer, so nothing can be said of suppression.'
          : `After the last layer ${plain(100 * last.a!)} % of the direction of ${nameA} is left and ${plain(100 * last.b!)} % of that of ${nameB}: ${isSuppressed(last) ? 'each suppresses the other' : 'no mutual suppression'}.`,
        suppressed.length > 0
          ? `Both are below ${plain(100 * SUPPRESSED)} % at ${suppressed.length === 1 ? 'layer' : 'layers'} ${suppressed.join(', ')}.`
          : `At no layer are both below ${plain(100 * SUPPRESSED)} %.`,
      ],
      values: {
        jsToA,
        jsToB,
        jsBetween,
        nearer,
        says: output.says,
        entropy: output.entropy,
        projectionA: last.a,
        projectionB: last.b,
        suppressedLayers: suppressed.length,
        mutualSuppression: none ? null : isSuppressed(last),
        interaction: last.fit?.unexplained ?? null,
      },
      curves: [
        {
          title: 'What is left of each direction with both',
          xLabel: 'layer',
          yLabel: 'projection',
          unit: 'share of its solo size',
          x,
          series: [
            { label: params.a, y: rows.map((row) => row.a) },
            { label: params.b, y: rows.map((row) => row.b) },
          ],
        },
      ],
      tables: [
        {
          title: 'Both together, by layer',
          columns: [
            { label: 'layer' },
            { label: `projection on ${params.a}`, unit: 'share' },
            { label: `projection on ${params.b}`, unit: 'share' },
            { label: `fit of ${params.a}` },
            { label: `fit of ${params.b}` },
            { label: 'unexplained', unit: 'share' },
          ],
          rows: rows.map((row, l) => [l, row.a, row.b, row.fit?.a ?? null, row.fit?.b ?? null, row.fit?.unexplained ?? null]),
        },
        topTable(
          'Likeliest tokens',
          [
            { label: 'both', logprobs: both.logprobs },
            { label: params.a, logprobs: a.logprobs },
            { label: params.b, logprobs: b.logprobs },
          ],
          token,
        ),
      ],
    };
  },
};

interface Projection {
  a: number | null;
  b: number | null;
  fit: ReturnType<typeof jointFit>;
}

const isSuppressed = ({ a, b }: Projection): boolean => a !== null && b !== null && a < SUPPRESSED && b < SUPPRESSED;

/** What of each solo direction is in the change that both make, by residual row. */
export function projections({ both, a, b, neither }: Pick<Solo, 'both' | 'a' | 'b' | 'neither'>): Projection[] {
  return neither.rows.map((base, l) => {
    const change = difference(both.rows[l]!, base);
    const dA = difference(a.rows[l]!, base);
    const dB = difference(b.rows[l]!, base);
    const [hasA, hasB] = [isDirection(dA, base), isDirection(dB, base)];
    return {
      a: hasA ? shareAlong(change, dA) : null,
      b: hasB ? shareAlong(change, dB) : null,
      fit: hasA && hasB ? jointFit(change, dA, dB) : null,
    };
  });
}
