import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Edit, Model, NdArray } from '../../src/engine/api.js';
import type { Residue, RunTrace } from '../../src/residue/types.js';
import { checkResidue } from '../../src/residue/read.js';
import { meanOutputs, outputSums, OUTPUT_HOOKS } from '../../src/run/ablate.js';
import { editedMargins } from '../../src/run/edited.js';
import { expectAgree } from '../helpers/agree.js';
import { FAMILIES, loadReference, referencePath } from '../helpers/reference.js';
import { openPath, runText } from '../helpers/shells.js';

/**
 * Whole shells on every family, token for token, against what PyTorch gets. One rival, so that the margin is the reference's logit
 * difference.
 */
describe.each([...FAMILIES, 'stories260K'])('a shell on %s', (name) => {
  const { json, arrays, has } = loadReference(name);
  const { probe, control } = json.prompts;
  const ids = (list: readonly number[]): string => `[${list.join(', ')}]`;
  const tokens = (p: typeof probe): string => `{tokens: ${ids(p.ids)}, spans: {fact: ${ids(p.span)}}}`;
  const text = `format: 1
shell: reference
title: reference
family: memory
prompt: ${tokens(probe)}
control: ${tokens(control)}
answer: {tokens: [${probe.answer}]}
rivals: [{tokens: [${probe.rivals[0]}]}]
run:
  - ANCHOR: { span: fact }
  - RECALL: {}
  - INHIBIT: { span: fact, layers: all }
generate: { tokens: 24 }
`;
  let model: Model;
  let residue: Residue;
  const written = new Map<string, Map<string, { shape: number[]; data: ArrayLike<number | bigint> }>>();

  beforeAll(async () => {
    model = await openPath(name === 'stories260K' ? referencePath(name, 'stories260K.bin') : referencePath(name));
    residue = await runText(model, text, {
      onArrays: async (run, list) => {
        // The arrays are the run's, which lets them go when it ends.
        written.set(run, new Map([...list].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }])));
      },
    });
  });
  afterAll(() => model?.close());

  const want = (array: string): Float32Array => arrays(array).data;
  const traces = (): [string, RunTrace][] => [
    ['probe', residue.runs[0]!],
    ['control', residue.control!],
  ];

  it('is a residue that its own schema and checks accept', () => {
    expect(() => checkResidue(JSON.parse(JSON.stringify(residue)))).not.toThrow();
    expect(residue.status).toBe('complete');
    expect(residue.checks).toHaveLength(8);
    for (const check of residue.checks) expect(check, JSON.stringify(check)).toMatchObject({ passed: true });
  });

  it('reads the tokens it was given and nothing more', () => {
    for (const [prompt, trace] of traces()) {
      expect(trace.tokens.map(({ id }) => id)).toEqual(json.prompts[prompt as 'probe'].ids);
      expect(trace.bosAdded).toBe(false);
      expect(trace.spans).toEqual({ fact: json.prompts[prompt as 'probe'].span });
    }
  });

  it('scores the answer and its rival', () => {
    for (const [prompt, { scores, lens }] of traces()) {
      const final = want(`${prompt}/final_logprobs`);
      const { answer, rivals } = json.prompts.probe;
      expectAgree([scores!.answer.logprob, scores!.rivals[0]!.logprob], [final[answer]!, final[rivals[0]!]!], 'log-probs');
      expect(scores!.answer.rank).toBe(final.filter((x) => x > final[answer]!).length);
      const rows = arrays(`${prompt}/lens.logprobs`);
      const vocab = rows.shape[1]!;
      const row = (id: number): number[] => Array.from({ length: rows.shape[0]! }, (_, l) => rows.data[l * vocab + id]!);
      expectAgree(lens!.answerLogprob, row(answer), 'lens of the answer');
      expectAgree(lens!.rivalLogprob[0]!, row(rivals[0]!), 'lens of the rival');
      expectAgree(
        lens!.margin,
        row(answer).map((x, l) => x - row(rivals[0]!)[l]!),
        'margin',
      );
    }
  });

  it('maps the lens over positions as the prompt cut off at each gives it at its end', async () => {
    const { map } = residue.runs[0]!;
    const last = `blocks.${model.spec.nLayers - 1}.hook_resid_post`;
    expect(map!.complete).toBe(true);
    for (const t of [1, Math.floor(probe.ids.length / 2), probe.ids.length - 1]) {
      const cut = await model.run(probe.ids.slice(0, t + 1), { hooks: ['blocks.*.hook_resid_pre', last] });
      const streams = Array.from({ length: model.spec.nLayers + 1 }, (_, l) => {
        const { data } = cut.get(l < model.spec.nLayers ? `blocks.${l}.hook_resid_pre` : last);
        return data.slice(t * model.spec.dModel, (t + 1) * model.spec.dModel);
      });
      const column = map!.positions.indexOf(t);
      for (const [l, stream] of streams.entries()) {
        const { data } = await model.unembed(stream, 1);
        expect(map!.answerLogprob[l]![column]!, `row ${l}, position ${t}`).toBeCloseTo(data[probe.answer]!, 3);
      }
    }
  });

  it('keeps rank, entropy, norm and null share of every cell of the map, which agree with the arrays and with the other sections', () => {
    for (const [prompt, trace] of traces()) {
      const { map, lens, shape, position } = trace;
      const column = map!.positions.indexOf(position);
      const at = (cells: number[][] | null | undefined): number[] => cells!.map((row) => row[column]!);
      expect(at(map!.answerRank)).toEqual(lens!.answerRank);
      expectAgree(at(map!.entropy), lens!.entropy, 'entropy', 1e-4);
      expect(at(map!.nullShare).at(-1)).toBeCloseTo(shape!.logitNull!, 5);
      map!.norm!.forEach((row, l) => {
        const last = l === model.spec.nLayers;
        const { shape: size, data } = written.get(prompt)!.get(`blocks.${last ? l - 1 : l}.hook_resid_${last ? 'post' : 'pre'}`)!;
        const width = size.at(-1)!;
        const expected = map!.positions.map((p) => Math.hypot(...Array.from({ length: width }, (_, i) => Number(data[p * width + i]))));
        expectAgree(row, expected, `norm, row ${l}`, 1e-4);
      });
      for (const share of map!.nullShare!.flat()) expect(share).toBeLessThanOrEqual(1);
      const best = Math.max(...map!.answerRank!.flat());
      expect(best).toBeLessThan(model.spec.vocabSize);
    }
  });

  it('attributes the margin', () => {
    for (const [prompt, { attribution, attention }] of traces()) {
      const dla = (part: string): Float32Array => want(`${prompt}/dla.${part}`);
      // The control's own pair differs from the probe's, and the reference has it for its own.
      if (json.prompts[prompt as 'probe'].answer !== probe.answer || json.prompts[prompt as 'probe'].rivals[0] !== probe.rivals[0])
        continue;
      expectAgree([attribution!.total], dla('total'), 'total');
      expect(attribution!.residual).toBeLessThanOrEqual(1e-3);
      expectAgree([attribution!.embed, attribution!.posEmbed], [dla('embed')[0]!, dla('pos_embed')[0]!], 'embeddings');
      expectAgree(attribution!.head.flat(), dla('head'), 'head');
      expectAgree(attribution!.attnBias, dla('attn_bias'), 'attn_bias');
      expectAgree(attribution!.mlp, dla('mlp'), 'mlp');
      expectAgree([attribution!.lnFinalBias, attribution!.unembedBias], [dla('ln_final_bias')[0]!, dla('unembed_bias')[0]!], 'biases');
      const source = arrays(`${prompt}/dla.head_source`);
      const [layers, heads, length] = source.shape as [number, number, number];
      const sum = (of: (layer: number, head: number, k: number) => boolean): number => {
        let total = 0;
        for (let i = 0; i < source.data.length; i++)
          if (of(Math.floor(i / length / heads), Math.floor(i / length) % heads, i % length)) total += source.data[i]!;
        return total;
      };
      expectAgree(
        attribution!.byToken,
        Array.from({ length }, (_, k) => sum((_l, _h, at) => at === k)),
        'byToken',
      );
      const [start, end] = json.prompts[prompt as 'probe'].span;
      expectAgree(
        attention!.spans['fact']!.contribution.flat(),
        Array.from({ length: layers * heads }, (_, i) => sum((l, h, k) => l * heads + h === i && k >= start && k < end)),
        'contribution of the span',
      );
    }
  });

  it('rolls attention out through all layers', () => {
    for (const [prompt, { attention, position }] of traces()) {
      const tokens = position + 1;
      let want = Array.from({ length: tokens }, (_, k) => Number(k === position));
      for (let l = model.spec.nLayers - 1; l >= 0; l--) {
        const { data, shape } = arrays(`${prompt}/blocks.${l}.attn.hook_pattern`);
        const heads = data.length / tokens ** 2;
        expect(shape.slice(-2)).toEqual([tokens, tokens]);
        const mean = (q: number, k: number): number =>
          Array.from({ length: heads }, (_, h) => data[(h * tokens + q) * tokens + k]! / heads).reduce((a, b) => a + b);
        want = want.map((stays, k) => 0.5 * stays + 0.5 * want.reduce((sum, share, q) => sum + share * mean(q, k), 0));
      }
      const { byToken, spans } = attention!.rollout!;
      expectAgree(byToken, want, 'rollout');
      const [start, end] = json.prompts[prompt as 'probe'].span;
      expect(spans['fact']!.share).toBeCloseTo(
        byToken.slice(start, end).reduce((a, b) => a + b),
        10,
      );
    }
  });

  it('weighs attention', () => {
    for (const [prompt, { attention, salience, position }] of traces()) {
      const norms = arrays(`${prompt}/attn.value_norm`);
      const [layers, heads, length] = norms.shape as [number, number, number];
      const total = norms.data.reduce((a, b) => a + b, 0);
      const [start, end] = json.prompts[prompt as 'probe'].span;
      const perToken = Array.from({ length }, (_, k) => norms.data.reduce((sum, x, i) => (i % length === k ? sum + x : sum), 0) / total);
      expectAgree(attention!.valueWeightedByToken, perToken, 'valueWeightedByToken');
      const flow = Array.from({ length: layers }, (_, l) => {
        const layer = norms.data.subarray(l * heads * length, (l + 1) * heads * length);
        return layer.reduce((sum, x, i) => (i % length >= start && i % length < end ? sum + x : sum), 0) / layer.reduce((a, b) => a + b, 0);
      });
      expect(salience!.flow!.span).toBe('fact');
      expectAgree(salience!.flow!.share, flow, 'flow');
      const mass: number[] = [];
      const mean = new Array<number>(length).fill(0);
      for (let l = 0; l < layers; l++) {
        const { data } = arrays(`${prompt}/blocks.${l}.attn.hook_pattern`);
        for (let h = 0; h < heads; h++) {
          const row = data.subarray((h * length + position) * length, (h * length + position + 1) * length);
          mass.push(row.slice(start, end).reduce((a, b) => a + b, 0));
          row.forEach((x, k) => (mean[k]! += x / (layers * heads)));
        }
      }
      expectAgree(attention!.spans['fact']!.attention.flat(), mass, 'attention to the span');
      expectAgree(attention!.meanByToken, mean, 'meanByToken');
    }
  });

  it('knocks the span out as PyTorch does: all layers, each layer, each head', () => {
    const inhibit = residue.runs[0]!.commands!.find((command) => command.name === 'INHIBIT')!;
    const base = want('probe/dla.total')[0]!;
    const effects = (array: string): number[] => {
      const { data } = arrays(`probe/knockout.${array}`);
      return Array.from({ length: data.length / 3 }, (_, i) => data[3 * i]! - data[3 * i + 1]! - base);
    };
    expect(inhibit.evidence).toBe('caused');
    expectAgree([inhibit.values['effect'] as number], effects('all_layers'), 'effect', 3e-4);
    expectAgree(inhibit.curves[0]!.series[0]!.y as number[], effects('layer'), 'effect by layer', 3e-4);
    const heads = new Map(inhibit.tables[0]!.rows.map(([head, effect]) => [head, effect as number]));
    const n = model.spec.nHeads;
    expectAgree(
      effects('head').map((_, i) => heads.get(`${Math.floor(i / n)}.${i % n}`)!),
      effects('head'),
      'effect by head',
      3e-4,
    );
    expect(inhibit.values['margin']).toBeCloseTo((inhibit.values['effect'] as number) + residue.runs[0]!.scores!.margin, 4);
  });

  it('ablates layer outputs as PyTorch does', async () => {
    const contest = { answer: probe.answer, rivals: [probe.rivals[0]!] };
    for (const at of ['attn_out', 'mlp_out'] as const) {
      const variants = Array.from({ length: model.spec.nLayers }, (_, layer): Edit[] => [{ kind: 'scale-out', at, layer, scale: 0 }]);
      const margins = await editedMargins(model, probe.ids, variants, contest);
      expectAgree(margins, want(`probe/ablate.zero_${at}`), `zero ${at}`, 3e-4);
    }
  });

  it('replaces outputs by their mean over control and paraphrases, and measures what that costs', async () => {
    const result = await model.run(control.ids, { hooks: [...OUTPUT_HOOKS] });
    const means = meanOutputs([outputSums(model, result)]);
    const base = residue.runs[0]!.scores!.margin;
    for (const [part, at] of [
      ['attention', 'attn_out'],
      ['mlp', 'mlp_out'],
    ] as const) {
      for (let layer = 0; layer < model.spec.nLayers; layer++) {
        const { data, shape } = arrays(`control/blocks.${layer}.hook_${at}`);
        const [length, d] = shape as [number, number];
        const mean = Float32Array.from({ length: d }, (_, i) => {
          let sum = 0;
          for (let t = 0; t < length; t++) sum += data[t * d + i]!;
          return sum / length;
        });
        expectAgree(means[part][layer]!, mean, `mean ${at} of layer ${layer}`);
        const { logits } = await model.run(probe.ids, { edits: [{ kind: 'replace', at, layer, positions: 'all', value: mean }] });
        const lost = base - (logits!.data[probe.answer]! - logits!.data[probe.rivals[0]!]!);
        expectAgree([residue.runs[0]!.salience!.causal![part][layer]!], [lost], `margin lost without ${at} of layer ${layer}`, 3e-4);
      }
    }
  });

  it('generates what PyTorch does', () => {
    const { ids, stopped } = residue.runs[0]!.generation!;
    const greedy = json.greedy['probe']!;
    expect(ids).toEqual(greedy.slice(0, ids.length));
    if (stopped === 'length') expect(ids).toHaveLength(24);
    else expect(model.tokenizer.eosIds).toContain(greedy[ids.length]);
  });

  it('hands over every array under its hook name, without a batch axis', () => {
    expect([...written.keys()].sort()).toEqual(['control', 'probe']);
    for (const [prompt, list] of written) {
      const references = loadReference(name).names.filter(
        (n) => n.startsWith(`${prompt}/`) && /hook_|lens\.logprobs|final_logprobs/.test(n),
      );
      expect(references.length).toBeGreaterThan(40);
      for (const full of references) {
        const hook = full.slice(prompt.length + 1);
        const got = list.get(hook);
        expect(got, `${prompt}.npz has no ${hook}`).toBeDefined();
        expect(got!.shape).toEqual([...arrays(full).shape]);
        if (!hook.endsWith('hook_attn_scores')) expectAgree((got as NdArray).data, want(full), full);
      }
      const last = list.get('final_logits') as NdArray;
      const logits = want(`${prompt}/logits`);
      expectAgree(last.data, logits.subarray(logits.length - last.data.length), 'final_logits');
      expect(Array.from(list.get('tokens')!.data, Number)).toEqual(json.prompts[prompt as 'probe'].ids);
      expect(list.get('tokens')!.data).toBeInstanceOf(BigInt64Array);
      expect(has(`${prompt}/hook_pos_embed`)).toBe(list.has('hook_pos_embed'));
    }
  });
});
