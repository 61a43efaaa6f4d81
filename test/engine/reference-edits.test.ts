import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Edit, Model, RunOptions, RunResult } from '../../src/engine/api.js';
import { expectAgree } from '../helpers/agree.js';
import { at, lastLogits, logSoftmax, openReferenced, PROMPTS, range, REFERENCED } from '../helpers/families.js';
import type { Prompt } from '../helpers/families.js';
import type { Reference } from '../helpers/reference.js';

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** Edited runs of every family against PyTorch editing the same activations in its own forward hooks. */
describe.each(REFERENCED)('%s', (name) => {
  let model: Model;
  let reference: Reference;
  beforeAll(async () => {
    ({ model, reference } = await openReferenced(name));
  });
  afterAll(() => model?.close());
  const want = (array: string): Float32Array => reference.arrays(array).data;
  const settings = () =>
    reference.json.settings as {
      value_scales: number[];
      shift_gap: number;
      direction_layer: number;
      direction_coef: number;
      perturb_layer: number;
    };
  const prompt = (p: Prompt) => {
    const { ids, span, answer, rivals } = reference.json.prompts[p];
    return { ids, span, answer, rivals, last: ids.length - 1, keys: range(...span) };
  };
  const layers = () => range(0, model.spec.nLayers);
  const heads = () => range(0, model.spec.nHeads);
  const single = async (p: Prompt, edits: Edit[], options: RunOptions = {}): Promise<RunResult> =>
    model.run(prompt(p).ids, { ...options, edits });
  /** Many edited copies of a prompt in one batch, each edit on its own row. */
  const batch = async (p: Prompt, edits: DistributiveOmit<Edit, 'row'>[]): Promise<Float32Array[]> => {
    const run = await model.run(
      edits.map(() => prompt(p).ids),
      { edits: edits.map((edit, row) => ({ ...edit, row }) as Edit) },
    );
    return edits.map((_, row) => lastLogits(run, row));
  };
  const difference = (p: Prompt, logits: Float32Array): number => logits[prompt(p).answer]! - logits[prompt(p).rivals[0]!]!;
  const logprobs = (p: Prompt, logits: Float32Array): number[] => {
    const all = logSoftmax(logits);
    return [prompt(p).answer, ...prompt(p).rivals].map((id) => all[id]!);
  };

  it.each(PROMPTS)('knocks attention out in %s', async (p) => {
    const { last, keys } = prompt(p);
    const knockout = (l: 'all' | number[], h: 'all' | number[]) =>
      ({ kind: 'knockout', layers: l, heads: h, queries: [last], keys }) as const;
    const everywhere = await single(p, [knockout('all', 'all')]);
    expectAgree(logprobs(p, lastLogits(everywhere)), want(`${p}/knockout.all_layers`), 'all layers');
    const byLayer = await batch(
      p,
      layers().map((l) => knockout([l], 'all')),
    );
    expectAgree(
      byLayer.flatMap((x) => logprobs(p, x)),
      want(`${p}/knockout.layer`),
      'one layer',
    );
    const byHead = await batch(
      p,
      layers().flatMap((l) => heads().map((h) => knockout([l], [h]))),
    );
    expectAgree(
      byHead.flatMap((x) => logprobs(p, x)),
      want(`${p}/knockout.head`),
      'one head',
    );
  });

  it.each(PROMPTS)('ablates in %s', async (p) => {
    const { dHead, dModel, nHeads } = model.spec;
    const zeroed = await batch(
      p,
      layers().flatMap((layer) => heads().map((head) => ({ kind: 'scale-head', layer, head, scale: 0 }) as const)),
    );
    expectAgree(
      zeroed.map((x) => difference(p, x)),
      want(`${p}/ablate.zero_head`),
      'zeroed heads',
    );
    const mean = want('mean_z');
    const averaged = await batch(
      p,
      layers().flatMap((layer) =>
        heads().map((head) => {
          const start = (layer * nHeads + head) * dHead;
          return { kind: 'replace', at: 'z', layer, head, positions: 'all', value: mean.slice(start, start + dHead) } as const;
        }),
      ),
    );
    expectAgree(
      averaged.map((x) => difference(p, x)),
      want(`${p}/ablate.mean_head`),
      'mean heads',
    );
    for (const out of ['attn_out', 'mlp_out'] as const) {
      const scaled = await batch(
        p,
        layers().map((layer) => ({ kind: 'scale-out', at: out, layer, scale: 0 }) as const),
      );
      expectAgree(
        scaled.map((x) => difference(p, x)),
        want(`${p}/ablate.zero_${out}`),
        `zeroed ${out}`,
      );
      const value = new Float32Array(dModel);
      const replaced = await batch(
        p,
        layers().map((layer) => ({ kind: 'replace', at: out, layer, positions: 'all', value }) as const),
      );
      expectAgree(
        replaced.map((x) => difference(p, x)),
        want(`${p}/ablate.zero_${out}`),
        `${out} replaced by zero`,
      );
    }
  });

  it.each(PROMPTS)('scales what a span gives and leaves the pattern alone in %s', async (p) => {
    const { last, keys } = prompt(p);
    const scales = settings().value_scales;
    const runs = await batch(
      p,
      scales.map((scale) => ({ kind: 'scale-values', layers: 'all', heads: 'all', queries: [last], keys, scale }) as const),
    );
    expectAgree(
      runs.map((x) => difference(p, x)),
      want(`${p}/scale_values`),
      'scaled values',
    );
    const edits: Edit[] = [{ kind: 'scale-values', layers: [0], heads: 'all', queries: 'all', keys, scale: 0 }];
    const run = await single(p, edits, { hooks: ['blocks.0.attn.hook_pattern'] });
    expectAgree(run.get('blocks.0.attn.hook_pattern').data, want(`${p}/blocks.0.attn.hook_pattern`), 'pattern');
  });

  it.each(PROMPTS)('shifts the positions behind the span in %s', async (p) => {
    const { ids, span } = prompt(p);
    const positions = ids.map((_, i) => (i >= span[1] ? i + settings().shift_gap : i));
    expectAgree(lastLogits(await model.run(ids, { positions })), want(`${p}/shift.logits`), 'shifted');
    const both = await model.run([ids, ids], { positions: [positions, range(0, ids.length)] });
    expectAgree(lastLogits(both, 0), want(`${p}/shift.logits`), 'shifted, in a batch');
    expectAgree(logSoftmax(lastLogits(both, 1)), want(`${p}/final_logprobs`), 'not shifted, in the same batch');
  });

  it.each(PROMPTS)('adds and removes a direction, and lets a perturbation grow, in %s', async (p) => {
    const { ids, last } = prompt(p);
    const { direction_layer: layer, direction_coef: size, perturb_layer: at1 } = settings();
    const direction = want('direction');
    const value = direction.map((x) => x * size);
    const added = await single(p, [{ kind: 'add', at: 'resid_pre', layer, positions: [last], value }]);
    expectAgree(lastLogits(added), want(`${p}/direction.added_logits`), 'added');
    for (const length of [1, 7]) {
      const longer = direction.map((x) => x * length);
      const removed = await single(p, [{ kind: 'project-out', layer, positions: 'all', direction: longer }]);
      expectAgree(lastLogits(removed), want(`${p}/direction.removed_logits`), `removed, given with length ${length}`);
    }
    const hooks = ['blocks.*.hook_resid_post'];
    const clean = await model.run(ids, { hooks });
    const noise = want(`${p}/perturb.noise`);
    const disturbed = await single(p, [{ kind: 'add', at: 'resid_pre', layer: at1, positions: [last], value: noise }], { hooks });
    const norm = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((sum, v) => sum + v * v, 0));
    const growth = layers()
      .slice(at1)
      .map((l) => {
        const before = at(clean.get(`blocks.${l}.hook_resid_post`), last);
        const after = at(disturbed.get(`blocks.${l}.hook_resid_post`), last);
        return norm(after.map((x, i) => x - before[i]!)) / norm(before);
      });
    expectAgree(growth, want(`${p}/perturb.growth`), 'growth');
  });

  describe('patches the control into the probe', () => {
    let control: RunResult;
    let base: { control: number; probe: number };
    beforeAll(async () => {
      control = await model.run(prompt('control').ids, { hooks: 'all' });
      // Both runs are read with the probe's answer and rivals.
      const probe = await model.run(prompt('probe').ids);
      base = { control: difference('probe', lastLogits(control)), probe: difference('probe', lastLogits(probe)) };
      expectAgree([base.control, base.probe], want('patch/base'), 'base');
    });
    const check = (kind: string, runs: Float32Array[]): void => {
      const differences = runs.map((x) => difference('probe', x));
      expectAgree(differences, want(`patch/${kind}.logit_diff`), `${kind}.logit_diff`);
      const recovery = differences.map((d) => (d - base.probe) / (base.control - base.probe));
      expectAgree(recovery, want(`patch/${kind}.recovery`), `${kind}.recovery`);
      expectAgree(
        runs.flatMap((x) => logprobs('probe', x)),
        want(`patch/${kind}.logprobs`),
        `${kind}.logprobs`,
      );
    };
    const hookOf = { resid_pre: 'hook_resid_pre', attn_out: 'hook_attn_out', mlp_out: 'hook_mlp_out' } as const;

    it.each(['resid_pre', 'attn_out', 'mlp_out'] as const)('at %s', async (where) => {
      const { align } = reference.json.pair;
      const take = (layer: number, position: number) => at(control.get(`blocks.${layer}.${hookOf[where]}`), position);
      const one = await batch(
        'probe',
        layers().flatMap((layer) =>
          align.map(([to, from]) => ({ kind: 'replace', at: where, layer, positions: [to], value: take(layer, from) }) as const),
        ),
      );
      check(where, one);
      const span = align.filter(([, , what]) => what === 'span');
      const together = await batch(
        'probe',
        layers().map((layer) => {
          const value = Float32Array.from(span.flatMap(([, from]) => [...take(layer, from)]));
          return { kind: 'replace', at: where, layer, positions: span.map(([to]) => to), value } as const;
        }),
      );
      check(`span_${where}`, together);
    });

    it('at one head of the last position', async () => {
      const { dHead } = model.spec;
      const runs = await batch(
        'probe',
        layers().flatMap((layer) => {
          const z = at(control.get(`blocks.${layer}.attn.hook_z`), prompt('control').last);
          return heads().map((head) => {
            const value = z.slice(head * dHead, (head + 1) * dHead);
            return { kind: 'replace', at: 'z', layer, head, positions: [prompt('probe').last], value } as const;
          });
        }),
      );
      check('z_last', runs);
    });

    it('and gets the control back when everything is patched at layer 0', async () => {
      // The probe's tokens behind another residual stream of equal length: what the tokens were no longer matters.
      const { ids } = prompt('control');
      const other = [...ids].reverse();
      const value = control.get('blocks.0.hook_resid_pre').data;
      const patched = await model.run(other, { edits: [{ kind: 'replace', at: 'resid_pre', layer: 0, positions: 'all', value }] });
      const unpatched = difference('probe', lastLogits(await model.run(other)));
      const recovery = (difference('probe', lastLogits(patched)) - unpatched) / (base.control - unpatched);
      expect(recovery).toBe(1);
      expect(lastLogits(patched)).toEqual(lastLogits(control));
    });
  });
});
