/** Where doses (values of vary) stand on an axis. */
export interface Doses {
  /** True when every dose has a number to stand at. */
  numeric: boolean;
  xLabel: string;
  x: number[];
  labels: string[];
}

interface Dose {
  x: number | null;
  vary: object;
}

/** Doses stand at their numbers where each has one of its own, else at their index. `names`: what varies. */
export function placeDoses(doses: readonly Dose[]): Omit<Doses, 'labels'> & { names: string[] } {
  const names = [...new Set(doses.flatMap(({ vary }) => Object.keys(vary)))];
  const xs = doses.map(({ x }) => x);
  const numeric = xs.every((x) => x !== null) && new Set(xs).size === xs.length;
  return { names, numeric, xLabel: names.join(', ') || 'run', x: xs.map((x, i) => (numeric ? x! : i)) };
}
