/** A curve over relative depth: 0 is what enters the first block, 1 what leaves the last. Models of different depth share this axis. */
export interface DepthCurve {
  /** Ascending, in [0, 1]. */
  x: number[];
  y: number[];
}

/** Values by residual row [L + 1]: row l stands at l / L. */
export function byRow(values: readonly number[]): DepthCurve {
  const layers = Math.max(1, values.length - 1);
  return { x: values.map((_, row) => row / layers), y: [...values] };
}

/** Values by block [L]: block l stands at (l + 1) / L, where its output is in the stream. */
export function byBlock(values: readonly number[]): DepthCurve {
  return { x: values.map((_, block) => (block + 1) / values.length), y: [...values] };
}

/** The curve at a depth, linear between its points, its end values beyond them. NaN of an empty curve. */
export function valueAt({ x, y }: DepthCurve, depth: number): number {
  if (x.length === 0) return NaN;
  let i = x.findIndex((point) => point >= depth);
  if (i < 0) i = x.length - 1;
  if (i === 0 || x[i]! <= depth) return y[i]!;
  const share = (depth - x[i - 1]!) / (x[i]! - x[i - 1]!);
  return y[i - 1]! + share * (y[i]! - y[i - 1]!);
}

/** Second curve minus first, at every depth where either has a point. */
export function subtractCurves(a: DepthCurve, b: DepthCurve): DepthCurve {
  // l/L of two depths may differ in the last bit where they are the same fraction.
  const x = [...a.x, ...b.x].sort((p, q) => p - q).filter((depth, i, all) => i === 0 || depth - all[i - 1]! > 1e-12);
  return { x, y: x.map((depth) => valueAt(b, depth) - valueAt(a, depth)) };
}

/** Where a curve of non-negative weights has its centre: Σ x·y / Σ y. Null when all weights are 0. */
export function centre({ x, y }: DepthCurve): number | null {
  const total = y.reduce((s, v) => s + v, 0);
  return total > 0 ? y.reduce((s, v, i) => s + v * x[i]!, 0) / total : null;
}
