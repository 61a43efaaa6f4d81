import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { participationRatio } from '../../src/methods/complexity.js';
import { MEASURES, percentile, rowMeasures } from '../../src/methods/disruption.js';
import { entropyGradient } from '../../src/methods/entropy-attribution.js';
import { headVerdicts, type HeadInPrompt, type HeadPair, type LaterComponent } from '../../src/methods/head-verdict.js';
import { entropy, logSoftmax } from '../../src/methods/lens.js';
import { logitNullShares, weakDirections, wideWeakDirections } from '../../src/methods/null-space.js';
import { rotated, spectrum, tridiagonalise, type Tridiagonal } from '../../src/methods/tridiagonal.js';
import { growth, norm, perturbation, randomDirection } from '../../src/methods/propagation.js';
import { randomSpans } from '../../src/methods/random-spans.js';
import { Random } from '../../src/methods/random.js';

const rows = fc.array(fc.double({ min: 0.001, max: 1, noNaN: true }), { minLength: 6, maxLength: 40 }).map((raw) => {
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((v) => v / sum);
});

describe('attention disruption', () => {
  it('gives an even row entropy 1 and a row of one token entropy 0', () => {
    expect(rowMeasures([0.25, 0.25, 0.25, 0.25], 3, null)).toMatchObject({
      entropy: 1,
      self: 0.25,
      sink: 0.25,
      local: 0.75,
      distance: 1.5,
      span: null,
    });
    expect(rowMeasures([0, 1, 0, 0], 3, [1, 2])).toEqual({ entropy: 0, self: 0, local: 0, sink: 0, span: 1, distance: 2 });
    expect(rowMeasures([1], 0, null)).toMatchObject({ entropy: 0, self: 1, sink: 1, distance: 0 });
  });

  it('keeps every share in [0, 1], and disjoint masses at 1 together or less', () => {
    fc.assert(
      fc.property(rows, (row) => {
        const m = rowMeasures(row, row.length - 1, [1, 2]);
        for (const key of MEASURES) if (key !== 'distance') expect(m[key]! >= 0 && m[key]! <= 1).toBe(true);
        expect(m.self + m.local + m.span! + m.sink).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });

  it('counts equal ones half in a percentile', () => {
    expect(percentile(2, [1, 2, 3])).toBe(0.5);
    expect(percentile(9, [1, 2, 3])).toBe(1);
    expect(percentile(1, [])).toBeNull();
  });
});

describe('random spans', () => {
  it('neither overlap the span nor begin at 0, and are all different', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.nat(59),
        fc.integer({ min: 1, max: 5 }),
        fc.integer(),
        (tokens, start, length, seed) => {
          fc.pre(start + length <= tokens);
          const spans = randomSpans(tokens, [start, start + length], seed);
          expect(spans.length).toBeLessThanOrEqual(32);
          expect(new Set(spans.map(String)).size).toBe(spans.length);
          for (const [a, b] of spans) expect(a >= 1 && b <= tokens && b - a === length && (b <= start || a >= start + length)).toBe(true);
        },
      ),
    );
  });
});

describe('participation ratio', () => {
  it('is n of n equal parts, 1 of one, whatever their order, sign or unit', () => {
    expect(participationRatio([2, -2, 2, 0])).toBeCloseTo(3);
    expect(participationRatio([0, -7])).toBe(1);
    expect(participationRatio([])).toBe(0);
    fc.assert(
      fc.property(fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 1 }), (c) => {
        expect(participationRatio(c)).toBeLessThanOrEqual(c.length + 1e-9);
        expect(participationRatio([...c].reverse().map((v) => -2 * v))).toBeCloseTo(participationRatio(c), 6);
      }),
    );
  });
});

describe('logit-null share', () => {
  it('finds the weak axes of a diagonal Gram matrix', () => {
    const gram = new Float64Array(16);
    [50, 46, 3, 1].forEach((value, i) => (gram[i * 5] = value));
    const weak = weakDirections(gram, 4);
    expect(weak.count).toBe(2);
    const vectors = [
      [0, 0, 3, 4],
      [3, 0, 0, 4],
      [0, 0, 0, 0],
    ];
    logitNullShares(vectors, weak).forEach((share, i) => expect(share).toBeCloseTo([1, 16 / 25, 0][i]!));
    expect(weak.inside([])).toEqual([]);
  });

  /** BᵀB of `rank` random rows B, so that the other eigenvalues are 0, each axis stretched as given. */
  const randomGram = (n: number, rank: number, seed: number, stretch: (i: number) => number): Float64Array => {
    const random = new Random(seed);
    const gram = new Float64Array(n * n);
    for (let row = 0; row < rank; row++) {
      const b = Float64Array.from({ length: n }, (_, i) => (random.unit() - 0.5) * stretch(i));
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) gram[i * n + j]! += b[i]! * b[j]!;
    }
    return gram;
  };
  const reduced = (gram: Float64Array, n: number): Tridiagonal => {
    const steps = tridiagonalise(gram.slice(), n);
    for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
  };

  it('of a wide stream is what all eigenvectors give', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(),
        fc.double({ min: 0, max: 2, noNaN: true }),
        (n, rank, seed, decay) => {
          const gram = randomGram(n, rank, seed, (i) => (1 + i) ** -decay);
          const [all, wide] = [weakDirections(gram, n), wideWeakDirections(reduced(gram, n))];
          expect(wide.count).toBe(all.count);
          const random = new Random(seed + 1);
          const vectors = [0, 1, 2].map(() => Array.from({ length: n }, () => random.unit() - 0.5));
          logitNullShares(vectors, wide).forEach((share, i) => expect(share).toBeCloseTo(logitNullShares(vectors, all)[i]!, 8));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reduces a matrix by reflections that keep its trace, the length of vectors and xᵀAx', () => {
    const n = 30;
    const gram = randomGram(n, 50, 3, (i) => 1 + (i % 5));
    const tri = reduced(gram, n);
    const x = Array.from({ length: n }, (_, i) => Math.sin(i + 1));
    const y = rotated(tri, x);
    const norm = (v: ArrayLike<number>): number => Array.from(v).reduce((sum, k) => sum + k * k, 0);
    expect(norm(y)).toBeCloseTo(norm(x), 10);
    const eigenvalues = spectrum(tri, [y]);
    expect(eigenvalues.reduce((a, b) => a + b)).toBeCloseTo(
      Array.from({ length: n }, (_, i) => gram[i * n + i]!).reduce((a, b) => a + b),
      8,
    );
    let quadratic = 0;
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) quadratic += x[i]! * gram[i * n + j]! * x[j]!;
    expect(eigenvalues.reduce((sum, value, i) => sum + value * y[i]! ** 2, 0)).toBeCloseTo(quadratic, 8);
  });

  it('of a diagonal matrix, of equal eigenvalues and of none', () => {
    const diagonal = Float64Array.from({ length: 25 }, (_, i) => (i % 6 === 0 ? 2 : 0));
    expect([...spectrum(reduced(diagonal, 5))]).toEqual([2, 2, 2, 2, 2]);
    const nothing = wideWeakDirections(reduced(new Float64Array(9), 3));
    expect(nothing.count).toBe(3);
    expect(logitNullShares([[1, 2, 3]], nothing)[0]).toBeCloseTo(1);
  });
});

describe('attribution of entropy', () => {
  it.each([[[0, 0, 0]], [[1, 2, 3]], [[-40, 0, 30, 29]], [[0, 200, 3, -5]]])('sums to the entropy below an even output: %j', (logits) => {
    const { weights, change, residual } = entropyGradient(logits);
    expect(change).toBeCloseTo(entropy(logSoftmax(logits)) - Math.log(logits.length), 9);
    expect(residual).toBeLessThanOrEqual(1e-4);
    // What shifts all logits alike changes no entropy.
    expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 9);
  });
});

describe('error growth', () => {
  it('measures the error against the row it is in', () => {
    const clean = [
      [3, 4],
      [0, 10],
    ];
    const moved = perturbation([0, 2], clean[0]!)!;
    expect(norm(moved)).toBeCloseTo(0.05);
    expect(
      growth(clean, [
        [3, 4.05],
        [1, 10],
      ]),
    ).toEqual([expect.closeTo(0.01), expect.closeTo(0.1)]);
    expect(perturbation([0, 0], [1, 1])).toBeNull();
  });

  it('draws directions of length 1, the same for the same seed', () => {
    expect(norm(randomDirection(64, 3))).toBeCloseTo(1);
    expect(randomDirection(8, 3)).toEqual(randomDirection(8, 3));
    expect(randomDirection(8, 3)).not.toEqual(randomDirection(8, 4));
  });
});

const here = (attention: number, perAttention: number): HeadInPrompt => ({
  attention,
  perAttention,
  write: attention * perAttention,
  even: 0.01,
  attentionNull: 0.1,
  writeNull: 0.01,
});
const quiet: HeadPair = { layer: 0, head: 0, probe: here(0.05, 0), control: here(0.05, 0) };
const settings = { drop: 4, scaleRatio: 1, parallel: false };
const kinds = (heads: HeadPair[], components: LaterComponent[] = [], more: Partial<typeof settings> = {}): string[] =>
  headVerdicts([quiet, ...heads], components, { ...settings, ...more }).verdicts.map(({ kind, silent }) =>
    kind === 'none' && silent ? 'silent' : kind,
  );
const pair = (probe: HeadInPrompt, control: HeadInPrompt | null, layer = 1, head = 0): HeadPair => ({ layer, head, probe, control });

describe('verdict of a head', () => {
  it('is qk-collapse when it stops looking', () => expect(kinds([pair(here(0.02, 5), here(0.8, 5))])).toEqual(['qk-collapse']));
  it('is ov-misfire when it looks and writes nothing, or for the rival', () => {
    expect(kinds([pair(here(0.8, 0.1), here(0.8, 5))])).toEqual(['ov-misfire']);
    expect(kinds([pair(here(0.8, -5), here(0.8, 5))])).toEqual(['ov-misfire']);
  });
  it('is conflict when a head that did not look in the control writes against one that holds out, however much', () => {
    const holdsOut = pair(here(0.9, 5), here(0.9, 5));
    const intruder = pair(here(0.9, -9), here(0.01, -9), 1, 1);
    expect(kinds([holdsOut, intruder])).toEqual(['conflict', 'conflict']);
    // One that looked before and turned is a misfire, and one that stopped looking is a collapse beside the intruder.
    expect(kinds([holdsOut, pair(here(0.9, -9), here(0.9, 5), 1, 1)])).toEqual(['none', 'ov-misfire']);
    expect(kinds([pair(here(0.2, 5), here(0.9, 5)), intruder])).toEqual(['qk-collapse', 'conflict']);
  });
  it('is silent when it writes next to nothing beside what all heads write', () => {
    const small = pair(here(0.9, 0.1), here(0.01, 0.1), 1, 1);
    expect(kinds([pair(here(0.9, 9), here(0.9, 9)), small])).toEqual(['none', 'silent']);
    expect(kinds([pair(here(0.9, 1), here(0.9, 1)), small])).toEqual(['none', 'none']);
  });
  it('is trace-drop when a later component takes away what it wrote, and only then', () => {
    const mlp = (layer: number, probe: number, control = 0): LaterComponent => ({
      component: `MLP ${layer}`,
      layer,
      head: null,
      probe,
      control,
    });
    const kept = pair(here(0.8, 5), here(0.8, 5));
    expect(kinds([kept], [mlp(2, -4)])).toEqual(['trace-drop']);
    expect(kinds([kept], [mlp(0, -4)])).toEqual(['none']);
    // Half of what was lost is enough, though it is less than half of what the head wrote.
    expect(kinds([kept], [mlp(2, -1.5)], { drop: 2 })).toEqual(['trace-drop']);
    expect(kinds([kept], [mlp(2, -1.5)], { drop: 4 })).toEqual(['none']);
    expect(kinds([kept], [mlp(2, -4, -4)])).toEqual(['none']);
    expect(kinds([kept], [mlp(1, -4)])).toEqual(['trace-drop']);
    expect(kinds([kept], [mlp(1, -4)], { parallel: true })).toEqual(['none']);
  });
  it('is conflict when the writes of two heads cancel', () => {
    const heads = [pair(here(0.8, 5), here(0.8, 5)), pair(here(0.8, -5), here(0.8, 0.1), 2)];
    expect(kinds(heads)).toEqual(['conflict', 'conflict']);
    expect(headVerdicts(heads, [], settings).conflict).toMatchObject({ toward: 4, against: 4, ratio: 0 });
    // The same heads in another order have the same verdicts.
    expect(kinds([...heads].reverse())).toEqual(['conflict', 'conflict']);
  });
  it('is silence when it looks and writes nothing in either prompt', () =>
    expect(kinds([pair(here(0.8, 0), here(0.8, 0))])).toEqual(['silent']));
  it('is none when nothing was lost, or the margin did not drop', () => {
    expect(kinds([pair(here(0.8, 5), here(0.8, 5))])).toEqual(['none']);
    expect(kinds([pair(here(0.02, 5), here(0.8, 5))], [], { drop: 0 })).toEqual(['none']);
  });
  it('does not take a louder residual stream for a weaker write', () =>
    expect(kinds([pair(here(0.8, 1), here(0.8, 5))], [], { scaleRatio: 5 })).toEqual(['none']));
  it('passes over a head that attends nearly evenly, though it is above its null', () => {
    const even = { ...here(0.16, 0), even: 0.125, attentionNull: 0.15 };
    expect(kinds([pair(even, even)])).toEqual([]);
    expect(kinds([pair({ ...even, attention: 0.25 }, even)])).toEqual(['silent']);
  });
  it('splits a loss exactly between looking and writing', () => {
    const share = fc.double({ min: 0.2, max: 1, noNaN: true });
    const write = fc.double({ min: -5, max: 5, noNaN: true });
    fc.assert(
      fc.property(share, share, write, write, (a, b, u, v) => {
        const [one] = headVerdicts([pair(here(a, u), here(b, v))], [], settings).verdicts;
        expect(one!.byAttention! + one!.byWrite!).toBeCloseTo(b * v - a * u, 9);
      }),
    );
  });
});
