import { InputError } from '../../errors.js';
import type { ModelSpec } from '../../model/spec.js';
import type { Edit, LayerSet } from '../api.js';
import { checkFinite, checkIndex } from './validate.js';

/** Where the tokens of a run stand among all that its queries can see. */
export interface Extent {
  batch: number;
  /** Tokens of this run. */
  tokens: number;
  /** Tokens cached before them. */
  past: number;
  /**
   * The index that an edit's position 0 has among cached and new tokens together. A run's edits count from its own first token,
   * a generation's from the first token of the prompt, at every step.
   */
  origin: number;
  /** Positions that lie outside this run are passed over: the edit concerns another step. */
  lenient: boolean;
}

/** The layers of a set, ascending. */
export const layersOf = (set: LayerSet, count: number): number[] => (set === 'all' ? Array.from({ length: count }, (_, i) => i) : [...set]);

/** Checks every field of every edit. Throws InputError naming the edit and the field. */
export function checkEdits(spec: ModelSpec, edits: readonly Edit[], extent: Extent): void {
  const first = -extent.origin;
  const firstNew = extent.past - extent.origin;
  const last = extent.past + extent.tokens - 1 - extent.origin;
  edits.forEach((edit, i) => {
    const field = (name: string) => `edits[${i}].${name}`;
    const list = (values: LayerSet | undefined, low: number, high: number, name: string, what: string) => {
      if (values === undefined || values === 'all') return;
      if (!Array.isArray(values))
        throw new InputError(`The ${name} of the edit must be a list of indexes or 'all'.`, { field: field(name) });
      values.forEach((v) => checkIndex(v, low, high, what, field(name)));
    };
    if (typeof edit !== 'object' || edit === null) throw new InputError('An edit must be an object with a kind.', { field: `edits[${i}]` });
    const position = extent.lenient ? first : firstNew;
    if (edit.row !== undefined) checkIndex(edit.row, 0, extent.batch - 1, 'batch row', field('row'));
    switch (edit.kind) {
      case 'knockout':
      case 'scale-values':
        list(edit.layers, 0, spec.nLayers - 1, 'layers', 'layer');
        list(edit.heads, 0, spec.nHeads - 1, 'heads', 'head');
        list(edit.queries, position, last, 'queries', 'query position');
        list(edit.keys, first, last, 'keys', 'key position');
        if (edit.kind === 'scale-values') checkFinite(edit.scale, 'scale', field('scale'));
        return;
      case 'scale-head':
        checkIndex(edit.head, 0, spec.nHeads - 1, 'head', field('head'));
        checkFinite(edit.scale, 'scale', field('scale'));
        break;
      case 'scale-out':
        checkFinite(edit.scale, 'scale', field('scale'));
        break;
      case 'replace':
      case 'add': {
        const width = edit.at === 'z' ? spec.dHead : spec.dModel;
        if (edit.at === 'z') checkIndex(edit.head, 0, spec.nHeads - 1, 'head', field('head'));
        const count = edit.positions === 'all' ? extent.tokens : edit.positions.length;
        checkVector(edit.value, width, extent.lenient && edit.positions === 'all' ? 1 : count, field('value'));
        break;
      }
      case 'project-out':
        checkVector(edit.direction, spec.dModel, 1, field('direction'));
        if (edit.direction.every((x) => x === 0)) {
          throw new InputError('The direction to project out is zero: give a vector with a length.', { field: field('direction') });
        }
        break;
      default:
        throw new InputError(`There is no edit of kind ${JSON.stringify((edit as { kind?: unknown }).kind)}.`, { field: field('kind') });
    }
    checkIndex(edit.layer, 0, spec.nLayers - 1, 'layer', field('layer'));
    list(edit.positions, position, last, 'positions', 'position');
  });
}

function checkVector(value: Float32Array, width: number, positions: number, field: string): void {
  if (!(value instanceof Float32Array)) throw new InputError('The vector of an edit must be a Float32Array.', { field });
  if (value.length !== width && value.length !== width * positions) {
    const many = positions > 1 ? `, or ${width * positions} for a vector at each of the ${positions} positions` : '';
    throw new InputError(`The vector has ${value.length} numbers and must have ${width}${many}.`, { field });
  }
  const bad = value.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) throw new InputError(`The vector's number ${bad} is ${value[bad]}: give finite numbers.`, { field });
}

/** Tokens of this run that an edit's positions mean, each with the place of its vector among the edit's. */
export function tokensOf(positions: readonly number[] | 'all' | undefined, extent: Extent): { token: number; at: number }[] {
  if (positions === undefined || positions === 'all') return Array.from({ length: extent.tokens }, (_, i) => ({ token: i, at: i }));
  return positions
    .map((position, at) => ({ token: position + extent.origin - extent.past, at }))
    .filter(({ token }) => token >= 0 && token < extent.tokens);
}

/** Batch rows that an edit means, in arrays whose batch axis has `rows` entries (1 where all are alike). */
export const rowsOf = (edit: Edit, rows: number): number[] =>
  edit.row !== undefined && rows > 1 ? [edit.row] : Array.from({ length: rows }, (_, i) => i);

const PHASE: Record<Edit['kind'], number> = {
  replace: 0,
  knockout: 1,
  'scale-head': 1,
  'scale-values': 1,
  'scale-out': 1,
  'project-out': 1,
  add: 2,
};

/** Edits in the order in which they are applied at each hook: replace, scale, add; those of a kind as they were given. */
export const inOrder = (edits: readonly Edit[]): Edit[] => [...edits].sort((a, b) => PHASE[a.kind] - PHASE[b.kind]);
