import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { benjaminiHochberg } from '../../src/methods/significance.js';
import { compareResidues, type SideInput } from '../../src/compare/compare.js';
import { InputError } from '../../src/errors.js';
import { byBlock, byRow, centre, subtractCurves, valueAt } from '../../src/methods/depth.js';
import { ALONE, matchByRole, roleDistance, type Role } from '../../src/methods/match.js';
import { signFlipTest, twoSampleTest } from '../../src/methods/permutation.js';
import { Random } from '../../src/methods/random.js';
import { packageRoot } from '../../src/paths.js';
import { comparisonSchema } from '../../src/residue/comparison-schema.js';
import { formatComparison } from '../../src/residue/report/comparison.js';
import type { Comparison } from '../../src/residue/types-comparison.js';
import type { Residue } from '../../src/residue/types.js';
import { serializePlain } from '../../src/residue/write.js';
import { generateResidue } from '../helpers/residue-generator.js';

const side = (residue: Residue, more: Partial<SideInput> = {}): SideInput => ({ residue, file: null, ...more });
const compare = (a: Residue, b: Residue): Comparison => compareResidues(side(a), side(b), { created: '' });
const validate = new Ajv2020({ strict: true, strictTypes: false, strictTuples: true }).compile(comparisonSchema);

/** A residue of another model: other weights, another name, another depth. */
const other = (options: Parameters<typeof generateResidue>[0]): Residue => {
  const residue = generateResidue(options);
  residue.provenance.model.id = 'another';
  residue.provenance.model.files[0]!.sha256 = 'd'.repeat(64);
  return residue;
};
const shape = { runs: 4, paraphrases: 6 };

describe('a comparison of residues', () => {
  it('of a residue with itself finds no difference', () => {
    const residue = generateResidue({ ...shape, seed: 3 });
    const { differences, heads, doses, curves, same, tokens } = compare(residue, residue);
    expect(same).toEqual({ shell: true, prompt: true, weights: true, tokenizer: true, seed: true });
    for (const { difference, test } of differences) {
      expect(difference ?? 0).toBe(0);
      if (test) expect([test.p, test.q, test.mean]).toEqual([1, 1, 0]);
    }
    expect(differences.length).toBeGreaterThan(10);
    for (const curve of curves) expect(curve.difference.y.every((y) => y === 0)).toBe(true);
    for (const pair of heads!.pairs) expect(pair.a).toEqual(pair.b);
    expect(doses.map(({ difference }) => difference)).toEqual([0, 0, 0, 0]);
    expect(tokens.pairs).toEqual(residue.runs[0]!.tokens.map((_, i) => [i, i]));
  });

  it('pairs commands that are given several times by their parameters, and tells them apart', () => {
    const [a, b] = [generateResidue({ ...shape, seed: 3 }), generateResidue({ ...shape, seed: 3 })];
    const knockout = (effect: number, params: Record<string, unknown>) => ({
      ...{ name: 'INHIBIT', params: { span: 'fact', ...params }, evidence: 'caused' as const, findings: [] },
      ...{ values: { effect }, measures: { effect: { unit: 'nats' } }, curves: [], tables: [] },
    });
    for (const run of a.runs) run.commands = [knockout(-1, {}), knockout(-2, { layers: [1] }), knockout(-3, { rate: 0.5 })];
    for (const run of b.runs) run.commands = [knockout(-7, { layers: [1] }), knockout(-5, {})];
    const found = compare(a, b).differences.filter(({ label }) => label.startsWith('INHIBIT'));
    expect(found.map(({ label, a, b }) => [label, a, b])).toEqual([
      ['INHIBIT {"span":"fact"}: effect', -1, -5],
      ['INHIBIT {"span":"fact","layers":[1]}: effect', -2, -7],
    ]);
    // One of a name on either side is one command, whatever its parameters.
    for (const run of a.runs) run.commands = [knockout(-1, {})];
    for (const run of b.runs) run.commands = [knockout(-7, { layers: [1] })];
    expect(compare(a, b).differences.filter(({ label }) => label.startsWith('INHIBIT'))).toMatchObject([
      { name: 'INHIBIT.effect', label: 'INHIBIT: effect', a: -1, b: -7 },
    ]);
  });

  it('negates every difference and keeps every p and q when the two are swapped, whatever their depth', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 2, max: 9 }), fc.boolean(), (seed, layers, sameShell) => {
        const a = generateResidue({ ...shape, seed });
        const b = other({ ...shape, seed: seed + 100, layers });
        if (!sameShell) b.shell.sha256 = 'e'.repeat(64);
        const [there, back] = [compare(a, b), compare(b, a)];
        expect(back.design).toBe(sameShell ? 'pairs' : 'groups');
        expect(back.differences.map(({ name }) => name)).toEqual(there.differences.map(({ name }) => name));
        there.differences.forEach((d, i) => {
          const e = back.differences[i]!;
          expect([e.a, e.b]).toEqual([d.b, d.a]);
          expect(e.difference === null ? null : -e.difference).toBe(d.difference === 0 ? -0 : d.difference);
          expect([e.test?.p, e.test?.q]).toEqual([d.test?.p, d.test?.q]);
          expect([e.nulls?.a, e.nulls?.b]).toEqual([d.nulls?.b, d.nulls?.a]);
          expect(e.wording).toEqual(d.wording && { ...d.wording, p95: e.wording!.p95 });
        });
        there.curves.forEach((curve, i) => {
          expect(back.curves[i]!.difference.x).toEqual(curve.difference.x);
          curve.difference.y.forEach((y, at) => expect(back.curves[i]!.difference.y[at]).toBeCloseTo(-y, 9));
        });
        expect(back.claims!.map(({ name, a, b }) => ({ name, a: b, b: a }))).toEqual(there.claims);
        const pairs = (c: Comparison): string[] => c.heads!.pairs.map((p) => `${p.a.layer}.${p.a.head} ${p.b.layer}.${p.b.head}`);
        const turned = pairs(back).map((pair) => pair.split(' ').reverse().join(' '));
        expect(turned.sort()).toEqual(pairs(there).sort());
      }),
      { numRuns: 25 },
    );
  });

  it('holds what was verified side by side, by relative depth, and says why it is not tested', () => {
    const [a, b] = [generateResidue({ ...shape, seed: 5 }), other({ ...shape, seed: 6, layers: 9 })];
    const verified = [a, b].map((residue) => residue.runs[residue.primary]!.verification!);
    const { differences, curves } = compare(a, b);
    const to = differences.find(({ name }) => name === 'cause.to.depth')!;
    const depths = [a, b].map((residue, i) => verified[i]!.interval!.to! / residue.provenance.model.layers);
    expect([to.a, to.b, to.evidence, to.test]).toEqual([...depths, 'caused', null]);
    expect(to.untested).toMatch(/only the headline/);
    const answer = curves.find(({ name }) => name === 'recovery.answer')!;
    expect(answer.evidence).toBe('caused');
    expect([answer.a.y, answer.b.y]).toEqual(verified.map(({ curves }) => curves!.answer));
    expect([answer.a.x.at(-1), answer.b.x.at(-1)]).toEqual([1, 1]);
  });

  it('stands beside the null of each side, and with the claims of each; of single heads only where the weights are the same', () => {
    const [a, b] = [generateResidue({ ...shape, seed: 5 }), generateResidue({ ...shape, seed: 6 })];
    const claim = (residue: Residue, over: object): void => {
      residue.claims!.push({
        ...residue.claims![0]!,
        name: 'cause',
        sentence: 'it is caused in layers 2–3',
        evidence: 'caused',
        null: null,
        holds: null,
        ...over,
      });
      residue.claims!.push({ ...residue.claims![0]!, name: 'head.1.0.verdict' });
    };
    claim(a, { stable: true });
    claim(b, { stable: false });
    const { differences, claims, findings } = compare(a, b);
    const attention = differences.find(({ name }) => name === 'span.attention')!;
    expect(attention.nulls).toEqual({
      a: a.runs[a.primary]!.nulls!.spans.fact!.attention,
      b: b.runs[b.primary]!.nulls!.spans.fact!.attention,
    });
    expect(claims!.find(({ name }) => name === 'cause')).toMatchObject({ a: { stable: true }, b: { stable: false } });
    expect(findings.join(' ')).toMatch(/of one mind only in .*: it is caused in layers 2–3/);
    expect(claims!.map(({ name }) => name)).toContain('head.1.0.verdict');
    const another = other({ ...shape, seed: 6 });
    claim(another, { stable: true });
    const names = compare(a, another).claims!.map(({ name }) => name);
    expect(names).toContain('cause');
    expect(names).not.toContain('head.1.0.verdict');
  });

  it('stands as the published schema says, and reads as text at any width', () => {
    const published: unknown = JSON.parse(readFileSync(join(packageRoot(), 'media/schemas/comparison.schema.json'), 'utf8'));
    expect(published).toEqual(JSON.parse(JSON.stringify(comparisonSchema)));
    for (const b of [other({ ...shape, seed: 8, layers: 11 }), generateResidue({ seed: 9, runs: 1, control: false, failed: false })]) {
      const comparison = compareResidues(side(generateResidue(shape)), side(b));
      const parsed = JSON.parse(serializePlain(comparison)) as unknown;
      expect(validate(parsed), JSON.stringify(validate.errors)).toBe(true);
      for (const width of [60, 80, 120])
        for (const line of formatComparison(comparison, { width }).split('\n')) expect(line.length, line).toBeLessThanOrEqual(width);
    }
    expect(validate({ ...compare(generateResidue(), generateResidue()), surplus: 1 })).toBe(false);
  });

  it('calls a difference that every wording shows, and not one that only the headline does', () => {
    const a = generateResidue({ ...shape, seed: 5, paraphrases: 12 });
    const b = other({ ...shape, seed: 5, paraphrases: 12 });
    for (const { paraphrases } of [a, b]) {
      paraphrases.forEach((run, i) => {
        run.vary = {};
        run.scores!.margin = i % 2 === 0 ? 6 : -6;
      });
    }
    a.runs = a.runs.slice(-1).map((run) => ({ ...run, vary: {} }));
    b.runs = structuredClone(a.runs);
    a.primary = b.primary = 0;
    const margin = (c: Comparison) => c.differences.find(({ name }) => name === 'margin')!;
    b.runs[0]!.scores!.margin -= 9;
    const lone = margin(compare(a, b));
    expect(lone.difference).toBeCloseTo(-9);
    expect(lone.test!.q).toBeGreaterThan(0.05);
    // Within B, rewording moves the margin as far as that.
    expect(lone.wording!.beyond).toBe(false);
    b.paraphrases.forEach((run, i) => (run.scores!.margin = a.paraphrases[i]!.scores!.margin - 0.1 - 0.01 * i));
    const shared = margin(compare(a, b));
    expect(shared.test!.q).toBeLessThan(0.05);
    expect(shared.test!.mean).toBeLessThan(0);
  });

  it('looks at the first value of vary at which either fails, and at the headline against a control', () => {
    const a = generateResidue({ ...shape, failed: false });
    const b = other({ ...shape, seed: 4 });
    const first = b.runs.find(({ scores }) => scores!.failed)!.name;
    expect([compare(a, b).a.run, compare(b, a).b.run]).toEqual([first, first]);
    const own = compareResidues(side(b, { prompt: 'control' }), side(b));
    expect([own.a.run, own.b.run, own.a.label, own.b.label]).toEqual(['control', first, 'control', 'probe']);
  });

  it('aligns the tokens of tokenizers that write a leading space each in their way', () => {
    const spaced = generateResidue({ texts: ['Tom', ' has', ' a', ' red', ' ball', '.'], length: 6 });
    const marked = other({ texts: ['Tom', '▁has', '▁a', '▁big', '▁red', '▁ball', '.'], length: 7 });
    expect(compare(spaced, marked).tokens.pairs).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 4],
      [4, 5],
      [5, 6],
    ]);
  });

  it('refuses in one sentence what has nothing measured', () => {
    const bare = generateResidue({ status: 'cancelled' });
    for (const run of bare.runs) delete run.scores;
    const without = generateResidue({ control: false });
    for (const work of [
      () => compareResidues(side(generateResidue()), side(bare, { file: 'b.residue.json' })),
      () => compareResidues(side(without, { prompt: 'control' }), side(without)),
    ]) {
      expect(work).toThrow(InputError);
      expect(work).toThrow(/^[^\n]+\.$/);
    }
  });
});

describe('permutation tests', () => {
  it('equal closed forms', () => {
    expect(signFlipTest([1, 2, 3])).toMatchObject({ p: 2 / 8, smallest: 2 / 8, exact: true, statistic: 2 });
    expect(signFlipTest([1, 1, -1])).toMatchObject({ p: 1 });
    expect(signFlipTest([1])).toBeNull();
    expect(twoSampleTest([1, 2, 3], [10, 11, 12])).toMatchObject({ p: 2 / 20, smallest: 2 / 20, exact: true, statistic: 9 });
    expect(twoSampleTest([1], [2, 3])).toBeNull();
    benjaminiHochberg([0.01, 0.04, 0.03, 0.5]).forEach((q, i) => expect(q).toBeCloseTo([0.04, 0.16 / 3, 0.16 / 3, 0.5][i]!, 12));
  });

  it('are uniform where there is nothing to find (Kolmogorov-Smirnov over 600 draws)', () => {
    const random = new Random(11);
    const normal = (): number => Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
    const draw = (n: number): number[] => Array.from({ length: n }, normal);
    for (const test of [() => signFlipTest(draw(11)), () => twoSampleTest(draw(6), draw(6))]) {
      const ps = Array.from({ length: 600 }, () => test()!.p).sort((x, y) => x - y);
      // P(p ≤ α) ≤ α: the p of a permutation test is discrete, so the distance is taken on that side and, with slack for it, on the other.
      const above = Math.max(...ps.map((p, i) => (i + 1) / ps.length - p));
      const below = Math.max(...ps.map((p, i) => p - i / ps.length));
      const critical = 1.63 / Math.sqrt(ps.length);
      expect(above).toBeLessThan(critical);
      expect(below).toBeLessThan(critical + 0.01);
    }
  });

  it('draws where there are too many relabellings, to the same p within sampling error', () => {
    const values = Array.from({ length: 13 }, (_, i) => (i % 3 === 0 ? -1 : 1) * (i + 1));
    const drawn = signFlipTest(values, 1)!;
    let count = 0;
    const observed = Math.abs(values.reduce((s, v) => s + v, 0));
    for (let signs = 0; signs < 2 ** 13; signs++)
      if (Math.abs(values.reduce((s, v, i) => s + ((signs >> i) & 1 ? -v : v), 0)) >= observed) count++;
    expect(drawn.exact).toBe(false);
    expect(Math.abs(drawn.p - count / 2 ** 13)).toBeLessThan(0.03);
  });
});

describe('curves over relative depth', () => {
  it('meet at shared depths and are linear between', () => {
    const a = byRow([0, 2, 4]);
    const b = byRow([0, 1, 2, 3, 4]);
    expect(subtractCurves(a, b)).toEqual({ x: [0, 0.25, 0.5, 0.75, 1], y: [0, 0, 0, 0, 0] });
    expect(valueAt(a, 0.75)).toBe(3);
    expect(byBlock([5, 5]).x).toEqual([0.5, 1]);
    expect(centre({ x: [0, 1], y: [1, 3] })).toBe(0.75);
    expect(centre({ x: [0, 1], y: [0, 0] })).toBeNull();
  });
});

describe('heads matched by role', () => {
  const roles = fc.array(
    fc.record({
      attention: fc.double({ min: 0, max: 1, noNaN: true }),
      contribution: fc.double({ min: -1, max: 1, noNaN: true }),
      depth: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { maxLength: 4 },
  );
  const cost = (a: Role[], b: Role[], pairs: [number, number][]): number =>
    pairs.reduce((sum, [i, j]) => sum + roleDistance(a[i]!, b[j]!), ALONE * (a.length + b.length - 2 * pairs.length));

  /** Every one-to-one matching, by trying them all. */
  function* matchings(a: number, b: number[]): Generator<[number, number][]> {
    if (a === 0) return yield [];
    for (const rest of matchings(a - 1, b)) {
      yield rest;
      for (const j of b) if (!rest.some(([, taken]) => taken === j)) yield [...rest, [a - 1, j]];
    }
  }

  it('cost the least of all one-to-one matchings', () => {
    fc.assert(
      fc.property(roles, roles, (a, b) => {
        const best = Math.min(...[...matchings(a.length, [...b.keys()])].map((pairs) => cost(a, b, pairs)));
        expect(cost(a, b, matchByRole(a, b))).toBeCloseTo(best, 9);
      }),
      { numRuns: 200 },
    );
  });

  it('find a head again that stands at another index', () => {
    const heads: Role[] = [0.9, 0.5, 0.1].map((attention) => ({ attention, contribution: attention, depth: 0.5 }));
    expect(matchByRole(heads, [...heads].reverse())).toEqual([
      [0, 2],
      [1, 1],
      [2, 0],
    ]);
  });
});
