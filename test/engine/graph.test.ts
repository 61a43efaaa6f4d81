import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Edit, Model } from '../../src/engine/api.js';
import { expand, type Expansion } from '../../src/methods/graph/expand.js';
import { prune } from '../../src/methods/graph/prune.js';
import { writerAt, type Writer } from '../../src/methods/graph/nodes.js';
import { freeze, type Frozen } from '../../src/run/graph/freeze.js';
import { recheckEdges } from '../../src/run/graph/recheck.js';
import type { PreparedPrompt } from '../../src/run/types.js';
import { at, lastLogits, openReferenced, REFERENCED } from '../helpers/families.js';

const EVERYTHING = { floor: 0, maxTargets: Infinity };

/** What must hold of the attribution graph of any model, whatever its numbers. */
describe.each(REFERENCED)('attribution graph of %s', (name) => {
  let model: Model;
  let ids: number[];
  let frozen: Frozen;
  let whole: Expansion;
  const contest = { answer: 5, rival: 9 };
  beforeAll(async () => {
    const opened = await openReferenced(name);
    model = opened.model;
    ids = opened.reference.json.prompts.short.ids;
    const prompt: PreparedPrompt = {
      label: 'probe',
      vary: {},
      text: null,
      tokens: [],
      ids,
      bosAdded: false,
      spans: {},
      answer: { text: '', ids: [contest.answer] },
      rivals: [],
    };
    frozen = await freeze(model, prompt, contest);
    whole = await expand(frozen.run, EVERYTHING);
  });
  afterAll(() => model?.close());

  it('sums direct effects to the margin, the constants of the output being its rest', async () => {
    const [margin] = whole.incoming;
    const { b } = model.weights.readLnFinal();
    const u = model.weights.readUnembed([contest.answer, contest.rival]);
    const n = model.spec.dModel;
    let constant = (u.b?.[0] ?? 0) - (u.b?.[1] ?? 0);
    if (b) for (let i = 0; i < n; i++) constant += b[i]! * (u.w[i]! - u.w[n + i]!);
    for (let l = 0; l < model.spec.nLayers; l++) {
      if (!model.weights.has(`blocks.${l}.attn.b_O`)) continue;
      const bias = model.weights.readStored(`blocks.${l}.attn.b_O`);
      constant += bias.reduce((sum, x, i) => sum + x * frozen.run.direction[i]!, 0);
    }
    expect(margin!.target).toBe(-1);
    expect(Math.abs(margin!.sum + constant - frozen.total)).toBeLessThan(1e-3);
    expect(Math.abs(margin!.rest - constant)).toBeLessThan(1e-3);
  });

  it('sums what enters each node to what that node does, and what leaves it too', () => {
    const out = new Float64Array(whole.effect.length);
    for (const { sources, weights } of whole.incoming) sources.forEach((s, i) => (out[s]! += weights[i]!));
    const { run } = frozen;
    let checked = 0;
    for (const { target, sum, rest } of whole.incoming) {
      if (target === -1) continue;
      expect(Math.abs(sum + rest - whole.effect[target]!)).toBeLessThan(1e-9 + 1e-9 * Math.abs(sum));
      checked++;
    }
    expect(checked).toBeGreaterThan(ids.length);
    // Edges below the floor of what is kept are missing from the sums.
    out.forEach((sum, node) => expect(Math.abs(sum - whole.effect[node]!), JSON.stringify(writerAt(run.grid, node))).toBeLessThan(2e-3));
  });

  it('leaves to the rest of a node only what biases give: none where a model has none', async () => {
    const { run } = frozen;
    const biased = model.weights.names().some((n) => /\.b(_|$)/.test(n));
    for (const one of whole.incoming) {
      if (one.target === -1) continue;
      const writer = writerAt(run.grid, one.target);
      if (!biased) expect(Math.abs(one.rest), JSON.stringify(writer)).toBeLessThan(1e-3 * Math.max(1, one.absolute));
    }
  });

  it('predicts nothing that an edit by hand does not confirm: each tested edge equals a plain full forward', async () => {
    const { run, total } = frozen;
    const pruned = prune(whole, {
      nodeThreshold: 0.9,
      edgeThreshold: 0.98,
      maxEdges: 40,
      isLeaf: (n) => writerAt(run.grid, n).kind === 'embed',
    });
    expect(pruned.edges.length).toBeGreaterThan(5);
    const tested = await recheckEdges(model, ids, frozen, pruned.edges, contest);
    const difference = (logits: ArrayLike<number>): number => logits[contest.answer]! - logits[contest.rival]!;
    const { dModel } = run;
    for (const [i, { source, target }] of pruned.edges.entries()) {
      const minus = run.writes.slice(source * dModel, (source + 1) * dModel).map((x) => -x);
      const from = writerAt(run.grid, source);
      let after: number;
      if (target === -1) {
        const last = model.spec.nLayers - 1;
        const edit: Edit = { kind: 'add', at: 'mlp_out', layer: last, positions: [run.position], value: minus };
        after = difference(lastLogits(await model.run(ids, { edits: [edit] })));
      } else {
        const to = writerAt(run.grid, target) as Exclude<Writer, { kind: 'embed' }>;
        const stream = to.kind === 'mlp' && !model.spec.parallelResidual ? 'attn_out' : 'resid_pre';
        const without = await model.run(ids, {
          edits: [{ kind: 'add', at: stream, layer: to.layer, positions: [from.pos], value: minus }],
          hooks: 'all',
        });
        const edit: Edit =
          to.kind === 'mlp'
            ? {
                kind: 'replace',
                at: 'mlp_out',
                layer: to.layer,
                positions: [to.pos],
                value: at(without.get(`blocks.${to.layer}.hook_mlp_out`), to.pos),
              }
            : {
                kind: 'replace',
                at: 'z',
                layer: to.layer,
                head: to.head,
                positions: [to.pos],
                value: at(without.get(`blocks.${to.layer}.attn.hook_z`), to.pos).slice(
                  to.head * model.spec.dHead,
                  (to.head + 1) * model.spec.dHead,
                ),
              };
        after = difference(lastLogits(await model.run(ids, { edits: [edit] })));
      }
      expect(Math.abs(tested[i]! - (total - after)), `${JSON.stringify(from)} → ${target}`).toBeLessThan(2e-3);
    }
  });

  it('measures influence as the sum over all paths from the margin, by brute force', () => {
    const share = new Map<number, Map<number, number>>();
    for (const { target, sources, weights, absolute } of whole.incoming) {
      const row = new Map<number, number>();
      sources.forEach((s, i) => row.set(s, Math.abs(weights[i]!) / absolute));
      share.set(target, row);
    }
    // logit_weights @ (A + A² + …), as circuit-tracer computes it.
    const influence = new Float64Array(whole.influence.length);
    let wave = new Map([[-1, 1]]);
    while (wave.size > 0) {
      const next = new Map<number, number>();
      for (const [target, weight] of wave) for (const [s, part] of share.get(target) ?? []) next.set(s, (next.get(s) ?? 0) + weight * part);
      for (const [s, weight] of next) influence[s]! += weight;
      wave = next;
    }
    influence.forEach((x, node) => expect(Math.abs(x - whole.influence[node]!)).toBeLessThan(1e-3));
  });
});
