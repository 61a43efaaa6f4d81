import { MEASURES } from '../../methods/disruption.js';
import type { Attribution, RunTrace } from '../../residue/types.js';

/** Heads that a summary shows by their contributions, and layers of each kind. */
const HEADS = 8;
const LAYERS = 2;
/** Cancellers of one head, and components of an attribution of nothing, that a summary names. */
const CANCELLERS = 3;

export interface Component {
  part: 'head' | 'attention' | 'mlp';
  layer: number;
  head: number | null;
  /** Direct contribution to the margin, nats. */
  contribution: number;
}

export const nameOf = ({ part, layer, head }: Omit<Component, 'contribution'>): string =>
  part === 'head' ? `head ${layer}.${head}` : `${part} ${layer}`;

/**
 * Every head and layer that a text of the report or of the panel names for this run, the most telling first: those with the largest
 * contributions; heads with a verdict and what cancelled them; what ended a word that was almost said; the head that carries a loop; the
 * parts that made nothing come; heads whose attention changed most; the layers at which the answer was lost and where salience is
 * largest; and whatever the findings of commands say. A layer is its attention and its MLP.
 */
export function namedComponents(run: RunTrace): Component[] {
  const { attribution } = run;
  if (!attribution) return [];
  const { heads, attention, mlps } = allComponents(attribution);
  const first = [...largest(heads, HEADS), ...largest(attention, LAYERS), ...largest(mlps, LAYERS)];
  const known = new Map([...heads, ...attention, ...mlps].map((one) => [nameOf(one), one]));
  const chosen = new Map(first.map((one) => [nameOf(one), one]));
  for (const name of namesIn(run)) {
    const one = known.get(name);
    if (one) chosen.set(name, one);
  }
  return [...chosen.values()];
}

function allComponents({ head, attnBias, mlp }: Attribution): Record<'heads' | 'attention' | 'mlps', Component[]> {
  return {
    heads: head.flatMap((row, layer) => row.map((contribution, h): Component => ({ part: 'head', layer, head: h, contribution }))),
    attention: head.map((row, layer): Component => {
      return { part: 'attention', layer, head: null, contribution: row.reduce((a, b) => a + b, attnBias[layer] ?? 0) };
    }),
    mlps: mlp.map((contribution, layer): Component => ({ part: 'mlp', layer, head: null, contribution })),
  };
}

const largest = (all: readonly Component[], count: number): Component[] =>
  [...all].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution) || a.layer - b.layer).slice(0, count);

/** Names as `nameOf` gives them, in the order of the texts; some may be of no component. */
function namesIn(run: RunTrace): string[] {
  const { headVerdicts, almostSaid, looping, nothing, disruption, salience, collapse, commands } = run;
  const head = (layer: number, h: number): string => `head ${layer}.${h}`;
  const names: string[] = [];
  for (const v of headVerdicts?.heads ?? []) {
    if (v.verdict === 'none') continue;
    names.push(head(v.layer, v.head), ...v.cancelledBy.slice(0, CANCELLERS).map(({ component }) => component));
  }
  // The row of a collapse is what the layer before it wrote.
  if (collapse?.layer) names.push(...layerNames(collapse.layer - 1));
  names.push(...(almostSaid ?? []).flatMap(({ endedBy }) => endedBy?.component ?? []));
  if (looping?.carrier) names.push(head(looping.carrier.layer, looping.carrier.head));
  for (const terms of [nothing?.endOfText?.terms, nothing?.entropy]) {
    if (!terms) continue;
    const { heads, mlps } = allComponents(terms);
    names.push(...largest([...heads, ...mlps], CANCELLERS).map(nameOf));
  }
  if (salience) {
    names.push(
      ...[salience.direct.attention, salience.causal?.attention ?? [], salience.flow?.share ?? []].map((y) => `attention ${peak(y)}`),
    );
    names.push(...[salience.direct.mlp, salience.causal?.mlp ?? []].map((y) => `mlp ${peak(y)}`));
  }
  for (const key of MEASURES) {
    const measure = disruption?.[key];
    if (!measure?.control) continue;
    const changes = measure.value.flatMap((row, l) => row.map((v, h) => ({ l, h, by: Math.abs(v - measure.control![l]![h]!) })));
    const most = changes.reduce((a, b) => (b.by > a.by ? b : a), changes[0]!);
    if (most) names.push(head(most.l, most.h));
  }
  names.push(...(disruption?.trapped ?? []).map(([l, h]) => head(l, h)));
  for (const { findings } of commands ?? []) for (const text of findings) names.push(...namesInText(text));
  return names.map((name) => name.replace(/^MLP/, 'mlp'));
}

/** Index of the largest size; −1 of none. */
const peak = (y: readonly number[]): number => y.reduce((best, v, i) => (best < 0 || Math.abs(v) > Math.abs(y[best]!) ? i : best), -1);

const layerNames = (layer: number): string[] => [`attention ${layer}`, `mlp ${layer}`];

/** Components that a sentence names: `head 3.1`, `heads 3.1, 4.0 and 5.2`, `MLP 4`, `layer 2`. */
export function namesInText(text: string): string[] {
  const names: string[] = [];
  for (const [, list] of text.matchAll(/\bheads?(?: on "[^"]*":)?((?:,? ?(?:and )?\d+\.\d+\b(?! ?%))+)/gi))
    for (const [, layer, head] of list!.matchAll(/(\d+)\.(\d+)/g)) names.push(`head ${layer}.${head}`);
  for (const [, layer] of text.matchAll(/\bMLP (\d+)\b(?!\.\d)/gi)) names.push(`mlp ${layer}`);
  for (const [, layer] of text.matchAll(/\battention (\d+)\b(?!\.\d| ?%)/gi)) names.push(`attention ${layer}`);
  // `layer 3 of 6` is a row of the residual stream, which the layer before it wrote.
  for (const [, layer, row] of text.matchAll(/\blayer (\d+)\b(?!\.\d)( of \d)?/gi))
    names.push(...layerNames(Number(layer) - (row ? 1 : 0)));
  return names;
}
