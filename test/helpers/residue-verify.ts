import type { Verification } from '../../src/residue/types-verify.js';

/** A verification as a run of this shape may have it; `next` draws from [0, 1). */
export function generateVerification(
  next: () => number,
  layers: number,
  heads: number,
  T: number,
  spans: Record<string, [number, number]>,
): Verification {
  const round = (x: number): number => Number(x.toPrecision(6));
  const source = Object.keys(spans)[0] ?? null;
  const groups = Array.from({ length: T }, (_, i): [number, number] => [i, i + 1]);
  const turn = Math.floor(layers / 2);
  const bell = (l: number, t: number): number => round((t === T - 1 ? Math.min(1, l / layers) : 0.6 * next() * (1 - l / layers)) - 0.05);
  return {
    ends: { probe: -1.4, control: 2.6 },
    source,
    aligned: T,
    curves: {
      source: source === null ? null : Array.from({ length: layers + 1 }, (_, l) => round(l <= turn ? 0.95 - 0.05 * next() : 0.2 * next())),
      answer: Array.from({ length: layers + 1 }, (_, l) => (l === layers ? 1 : round(l > turn ? 0.7 + 0.2 * next() : 0.2 * next()))),
    },
    interval: source === null ? { from: null, to: turn + 1 } : { from: turn, to: turn + 1 },
    maps: (['resid_pre', 'attn_out', 'mlp_out'] as const).map((at) => ({
      at,
      groups,
      complete: true,
      recovery: Array.from({ length: layers }, (_, l) => groups.map((_, t) => bell(l, t))),
    })),
    heads: Array.from({ length: layers }, () => Array.from({ length: heads }, () => round(next() - 0.3))),
    knockout: source === null ? null : { span: source, effect: -1.2, byLayer: Array.from({ length: layers }, () => round(-next())) },
    effects: Array.from({ length: 6 }, (_, i) => {
      const predicted = round(3 * next() - 2);
      const later = round(-0.5 * predicted);
      return {
        component: `head ${i % layers}.${i % heads}`,
        layer: i % layers,
        head: i % heads,
        predicted,
        zero: round(predicted + later),
        mean: round(predicted * 0.6),
        resample: round(predicted * 0.7),
        resampleSpread: 0.2,
        repair: { total: round(predicted + later), later, norm: 0, by: [{ component: `mlp ${layers - 1}`, change: later }] },
      };
    }),
    open: [],
  };
}
