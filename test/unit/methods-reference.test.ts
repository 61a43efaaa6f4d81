import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flowShare, outputGrams, spanMass, spanNorms, valueNorms } from '../../src/methods/attention.js';
import {
  byToken,
  collectTerms,
  layerTerms,
  logitDirection,
  sumTerms,
  type LayerWrites,
  type Sizes,
} from '../../src/methods/attribution.js';
import { lensRow, logSoftmax, margin, rankOf, strongestOf, trajectory } from '../../src/methods/lens.js';
import { openWeights } from '../../src/model/load.js';
import { expectAgree } from '../helpers/agree.js';
import { FAMILIES, loadReference, referencePath, type Reference } from '../helpers/reference.js';

const PROMPTS = ['short', 'control', 'probe'] as const;

/** The methods on PyTorch's own activations, with the weights as the product reads them: no engine is in between. */
function opened(name: string): { reference: Reference; weights: ReturnType<typeof openWeights> } {
  const path = name === 'stories260K' ? referencePath(name, 'stories260K.bin') : referencePath(name);
  return { reference: loadReference(name), weights: openWeights(path) };
}

function writes(
  reference: Reference,
  prompt: string,
  layers: number,
  { nHeads, dHead }: Sizes,
): { at: (hook: string) => Float32Array; layers: LayerWrites[] } {
  const last = (hook: string): Float32Array => {
    const { data, shape } = reference.arrays(`${prompt}/${hook}`);
    const size = shape.slice(1).reduce((a, b) => a * b, 1);
    return data.subarray((shape[0]! - 1) * size);
  };
  return {
    at: last,
    layers: Array.from({ length: layers }, (_, l) => {
      const pattern = reference.arrays(`${prompt}/blocks.${l}.attn.hook_pattern`);
      const length = pattern.shape[2]!;
      const z = last(`blocks.${l}.attn.hook_z`);
      return {
        pattern: Array.from({ length: nHeads }, (_, h) => {
          const start = (h * length + length - 1) * length;
          return pattern.data.subarray(start, start + length);
        }),
        z: Array.from({ length: nHeads }, (_, h) => z.subarray(h * dHead, (h + 1) * dHead)),
        v: reference.arrays(`${prompt}/blocks.${l}.attn.hook_v`).data,
        mlpOut: last(`blocks.${l}.hook_mlp_out`),
      };
    }),
  };
}

describe.each([...FAMILIES, 'stories260K'])('methods on the activations of %s', (name) => {
  const { reference, weights: loaded } = opened(name);
  const { spec, weights } = loaded;
  const sizes: Sizes = { dModel: spec.dModel, dHead: spec.dHead, nHeads: spec.nHeads, nKvHeads: spec.nKvHeads };
  const layerWeights = (l: number) => {
    const bias = `blocks.${l}.attn.b_O`;
    return { wO: weights.readWO(l), bO: weights.has(bias) ? weights.readStored(bias) : null };
  };

  it.each(PROMPTS)('attributes the logit difference of %s as PyTorch does', (prompt) => {
    const { answer, rivals } = reference.json.prompts[prompt];
    const here = writes(reference, prompt, spec.nLayers, sizes);
    const { w, b } = weights.readLnFinal();
    const unembed = weights.readUnembed([answer, rivals[0]!]);
    const token = (i: number) => ({ row: unembed.w.subarray(i * spec.dModel, (i + 1) * spec.dModel), bias: unembed.b?.[i] ?? 0 });
    const scale = here.at('ln_final.hook_scale')[0]!;
    const direction = logitDirection({ kind: spec.norm.kind, weight: w, bias: b, scale }, token(0), token(1));
    const layers = here.layers.map((layer, l) => layerTerms(layer, layerWeights(l), direction.vector, sizes));
    const posEmbed = reference.has(`${prompt}/hook_pos_embed`) ? here.at('hook_pos_embed') : null;
    const terms = collectTerms({ embed: here.at('hook_embed'), posEmbed }, direction, layers);
    const want = (array: string): Float32Array => reference.arrays(`${prompt}/dla.${array}`).data;

    expectAgree([terms.embed], want('embed'), 'embed');
    expectAgree([terms.posEmbed], want('pos_embed'), 'pos_embed');
    expectAgree([terms.lnFinalBias], want('ln_final_bias'), 'ln_final_bias');
    expectAgree([terms.unembedBias], want('unembed_bias'), 'unembed_bias');
    expectAgree(terms.head.flat(), want('head'), 'head');
    expectAgree(terms.attnBias, want('attn_bias'), 'attn_bias');
    expectAgree(terms.mlp, want('mlp'), 'mlp');
    expectAgree(
      terms.source.flatMap((layer) => layer.flatMap((head) => [...head])),
      want('head_source'),
      'head_source',
    );
    expect(Math.abs(sumTerms(terms) - want('total')[0]!)).toBeLessThanOrEqual(1e-3);
    const sums = byToken(terms);
    expect(sums.reduce((a, x) => a + x, 0)).toBeCloseTo(
      terms.head.flat().reduce((a, x) => a + x, 0),
      4,
    );
    // Terms of any size that cancel in the sum would escape the check above.
    expect(terms.head.flat().some((x) => Math.abs(x) > 1e-2)).toBe(true);
  });

  it.each(PROMPTS)('weighs the attention of %s by values as PyTorch does', (prompt) => {
    const { span } = reference.json.prompts[prompt];
    const { layers } = writes(reference, prompt, spec.nLayers, sizes);
    const grams = layers.map((_, l) => outputGrams(weights.readWO(l), sizes));
    const norms = layers.map((layer, l) => valueNorms(layer, grams[l]!, sizes));
    expectAgree(
      norms.flatMap((layer) => layer.flatMap((head) => [...head])),
      reference.arrays(`${prompt}/attn.value_norm`).data,
      'value_norm',
    );
    layers.forEach((layer, l) => {
      const whole = spanNorms(layer, span, grams[l]!, sizes);
      norms[l]!.forEach((row, h) => {
        const parts = spanMass(row, span);
        // The triangle inequality, with equality for one token.
        expect(whole[h]!).toBeLessThanOrEqual(parts * (1 + 1e-6) + 1e-9);
        if (span[1] - span[0] === 1) expect(whole[h]!).toBeCloseTo(parts, 5);
      });
      expect(flowShare(norms[l]!, [0, layer.pattern[0]!.length])).toBeCloseTo(1, 12);
      expect(
        flowShare(norms[l]!, span) + flowShare(norms[l]!, [0, span[0]]) + flowShare(norms[l]!, [span[1], layer.pattern[0]!.length]),
      ).toBeCloseTo(1, 12);
      // z · W_O is the span's sum over all tokens.
      const z = spanNorms(layer, [0, layer.pattern[0]!.length], grams[l]!, sizes);
      const wO = weights.readWO(l);
      z.forEach((norm, h) => {
        const out = new Float64Array(sizes.dModel);
        for (let i = 0; i < sizes.dHead; i++)
          for (let j = 0; j < sizes.dModel; j++) out[j]! += layer.z[h]![i]! * wO[(h * sizes.dHead + i) * sizes.dModel + j]!;
        expectAgree([norm], [Math.hypot(...out)], `norm of head ${l}.${h}`);
      });
    });
  });

  it.each(PROMPTS)('reads the margin of %s off the lens as PyTorch does', (prompt) => {
    const { answer, rivals } = reference.json.prompts[prompt];
    const rows = reference.arrays(`${prompt}/lens.logprobs`);
    const lens = { data: rows.data, shape: [...rows.shape] };
    const path = trajectory(lens, answer, rivals);
    expectAgree(path.margin, reference.arrays(`${prompt}/lens.margin`).data, 'lens.margin', 1e-6);
    const logits = reference.arrays(`${prompt}/logits`);
    const final = logSoftmax(logits.data.subarray(logits.data.length - spec.vocabSize));
    expectAgree(final, reference.arrays(`${prompt}/final_logprobs`).data, 'final_logprobs');
    const order = [...final.keys()].sort((a, b) => final[b]! - final[a]!);
    expect(rankOf(final, answer)).toBe(order.indexOf(answer));
    expect(path.answerRank.at(-1)).toBe(order.indexOf(answer));
    expect(path.entropy.at(-1)).toBeCloseTo(-final.reduce((sum, x) => sum + Math.exp(x) * x, 0), 4);
    expect([...lensRow(lens, 0)].map(Math.exp).reduce((a, x) => a + x, 0)).toBeCloseTo(1, 4);
  });
});

describe('lens', () => {
  it('has a margin above 0 without rivals exactly when the answer is first', () => {
    const row = logSoftmax([1, 3, 2]);
    expect(margin(row, 1, [])).toBeCloseTo(1, 12);
    expect(margin(row, 2, [])).toBeCloseTo(-1, 12);
    expect(margin(row, 2, [0])).toBeCloseTo(1, 12);
    expect(strongestOf(row, [0, 2])).toBe(1);
    expect(strongestOf(row, [])).toBeNull();
  });

  it('is a distribution whatever the logits, extremes too', () => {
    const logits = fc.array(fc.double({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(logits, fc.double({ min: -1e3, max: 1e3, noNaN: true }), (values, shift) => {
        const row = logSoftmax(values);
        expect(row.reduce((sum, x) => sum + Math.exp(x), 0)).toBeCloseTo(1, 9);
        const moved = logSoftmax(values.map((z) => z + shift));
        row.forEach((x, i) => expect(moved[i]!).toBeCloseTo(x, 6));
      }),
      { seed: 8, numRuns: 300 },
    );
  });
});

describe('attribution', () => {
  const vector = (n: number) => fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: n, maxLength: n });

  it.each(['rms', 'layer'] as const)('sums to the logit difference of a residual made of any parts (%s norm)', (kind) => {
    const n = 6;
    fc.assert(
      fc.property(vector(n), vector(n), vector(n), vector(n), vector(n), vector(n), (a, b, w, bias, ua, ur) => {
        const residual = a.map((x, i) => x + b[i]!);
        const mu = kind === 'layer' ? residual.reduce((s, x) => s + x, 0) / n : 0;
        const scale = Math.sqrt(residual.reduce((s, x) => s + (x - mu) ** 2, 0) / n + 1e-5);
        const out = residual.map((x, i) => ((x - mu) / scale) * w[i]! + bias[i]!);
        const total = out.reduce((s, x, i) => s + x * (ua[i]! - ur[i]!), 0) + 0.5;
        const direction = logitDirection({ kind, weight: w, bias, scale }, { row: ua, bias: 0.7 }, { row: ur, bias: 0.2 });
        const sizes = { dModel: n, dHead: 1, nHeads: 1, nKvHeads: 1 };
        const nothing = { wO: new Float32Array(n), bO: null };
        const empty = { pattern: [[1]], z: [[0]], v: new Float32Array(1), mlpOut: b };
        const layer = layerTerms(empty, nothing, direction.vector, sizes);
        const sum = sumTerms(collectTerms({ embed: a, posEmbed: null }, direction, [layer]));
        expect(Math.abs(sum - total)).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(total)) * (1 + 1 / scale));
      }),
      { seed: 9, numRuns: 300 },
    );
  });
});
