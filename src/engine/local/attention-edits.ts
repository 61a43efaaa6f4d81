import { InputError } from '../../errors.js';
import type { ModelSpec } from '../../model/spec.js';
import type { Edit } from '../api.js';
import { STRETCHES } from '../../graph/attention.js';
import { layersOf, rowsOf, tokensOf } from './edits.js';
import type { Extent } from './edits.js';
import { boolTensor, floatTensor, intTensor } from './sessions.js';
import type { Feeds, Tensor } from './sessions.js';

type Knockout = Extract<Edit, { kind: 'knockout' }>;
type ScaleValues = Extract<Edit, { kind: 'scale-values' }>;
type AttentionEdit = Knockout | ScaleValues;

/** One number [1, 1, 1, 1] that changes nothing. */
export const neutral = (value: 0 | 1, rank: number): Tensor => floatTensor(Float32Array.of(value), new Array<number>(rank).fill(1));

/** Fewest queries that are worth being worked on in stretches. */
const LEAST_STRETCHED = 192;
/** A stretch's keys end at a multiple of this, so that each sum is made in the order in which it is made over all keys. */
const KEY_BLOCK = 64;

/** An edit, which of its kind it is, and the layers that it concerns. */
interface Placed<E> {
  edit: E;
  index: number;
  layers: ReadonlySet<number>;
}

/**
 * The mask and the scale of values of every layer of one run. Layers that share their edits share the arrays.
 * Layouts: mask [B|1, H|1, T, S]; value scale [B|1, H|1, T, S], or one neutral number.
 */
export class AttentionFeeds {
  private readonly causal: Tensor;
  private readonly made = new Map<string, Tensor>();
  private readonly knockouts: Placed<Knockout>[];
  private readonly scales: Placed<ScaleValues>[];

  constructor(
    private readonly spec: ModelSpec,
    edits: readonly Edit[],
    private readonly extent: Extent,
  ) {
    const at = <E extends AttentionEdit>(edit: E, index: number): Placed<E> => ({
      edit,
      index,
      layers: new Set(layersOf(edit.layers, spec.nLayers)),
    });
    this.knockouts = edits.filter((e) => e.kind === 'knockout').map(at);
    this.scales = edits.filter((e) => e.kind === 'scale-values').map(at);
    this.causal = floatTensor(this.causalMask(), [1, 1, extent.tokens, extent.past + extent.tokens]);
    this.made.set('scale:', neutral(1, 4));
  }

  /**
   * What a block's attention is fed in one layer, but for the cache: the way that costs least (see `attend`).
   * @param prefix Tokens of the cached prefix, which may be fewer than are before those asked for.
   * @param options.whole Scores or pattern are asked for. @param options.keep Keys and values are, with `merge` those before them too.
   */
  feeds(
    layer: number,
    prefix: number,
    { whole = false, keep = false, merge = false }: { whole?: boolean; keep?: boolean; merge?: boolean } = {},
  ): Feeds {
    const { tokens } = this.extent;
    const { nHeads, nKvHeads, dHead } = this.spec;
    // What is then not copied is keys and values, what is copied in their place the pattern.
    const apart = prefix > 0 && tokens * nHeads <= 2 * nKvHeads * dHead;
    const stretched = !whole && tokens >= LEAST_STRETCHED && !this.scales.some((s) => s.layers.has(layer));
    return {
      mask: this.mask(layer),
      value_scale: this.valueScale(layer),
      apart: this.flag(apart),
      stretched: this.flag(stretched),
      keep: this.flag(keep),
      merge: this.flag(merge),
      stretches: this.remember('stretches', () => intTensor(this.stretches())),
    };
  }

  private flag(value: boolean): Tensor {
    return this.remember(`flag:${value}`, () => boolTensor(value));
  }

  /** Ends of the stretches: of their queries, then of the keys that those can see. */
  private stretches(): number[] {
    const { tokens, past } = this.extent;
    const queries = Array.from({ length: STRETCHES }, (_, i) => Math.round((tokens * (i + 1)) / STRETCHES));
    return [...queries, ...queries.map((end) => Math.min(past + tokens, KEY_BLOCK * Math.ceil((past + end) / KEY_BLOCK)))];
  }

  /** Scores' mask: 0 where a query may look, −inf where it may not. Throws InputError when a query is left with nothing. */
  private mask(layer: number): Tensor {
    const own = this.knockouts.filter((k) => k.layers.has(layer));
    if (own.length === 0) return this.causal;
    const name = `mask:${own.map(({ index }) => index).join()}`;
    return this.remember(name, () => {
      const edits = own.map((k) => k.edit);
      const tensor = this.spread(edits, this.causal.data as Float32Array, () => -Infinity);
      this.refuseBlind(tensor, edits, layer);
      return tensor;
    });
  }

  /** What the pattern is multiplied by before it meets the values. */
  private valueScale(layer: number): Tensor {
    const own = this.scales.filter((s) => s.layers.has(layer));
    const name = `scale:${own.map(({ index }) => index).join()}`;
    return this.remember(name, () => {
      const { tokens, past } = this.extent;
      const ones = new Float32Array(tokens * (past + tokens)).fill(1);
      return this.spread(
        own.map((s) => s.edit),
        ones,
        (old, edit) => old * (edit as ScaleValues).scale,
      );
    });
  }

  private remember(name: string, make: () => Tensor): Tensor {
    const known = this.made.get(name);
    if (known) return known;
    const tensor = make();
    this.made.set(name, tensor);
    return tensor;
  }

  private causalMask(): Float32Array {
    const { tokens, past } = this.extent;
    const attended = past + tokens;
    const mask = new Float32Array(tokens * attended);
    for (let q = 0; q < tokens; q++) mask.fill(-Infinity, q * attended + past + q + 1, (q + 1) * attended);
    return mask;
  }

  /** `base` [T, S] for every row and head that some edit singles out, changed where an edit says so. */
  private spread(edits: readonly AttentionEdit[], base: Float32Array, change: (old: number, edit: AttentionEdit) => number): Tensor {
    const { batch, tokens, past, origin } = this.extent;
    const attended = past + tokens;
    const rows = edits.some((e) => e.row !== undefined) ? batch : 1;
    const heads = edits.some((e) => e.heads !== 'all') ? this.spec.nHeads : 1;
    const data = new Float32Array(rows * heads * base.length);
    for (let copy = 0; copy < rows * heads; copy++) data.set(base, copy * base.length);
    for (const edit of edits) {
      const queries = tokensOf(edit.queries, this.extent).map((q) => q.token);
      const keys = edit.keys.map((key) => key + origin).filter((key) => key >= 0 && key < attended);
      for (const row of rowsOf(edit, rows)) {
        for (const head of heads === 1 ? [0] : layersOf(edit.heads, heads)) {
          for (const query of queries) {
            const start = ((row * heads + head) * tokens + query) * attended;
            for (const key of keys) data[start + key] = change(data[start + key]!, edit);
          }
        }
      }
    }
    return floatTensor(data, [rows, heads, tokens, attended]);
  }

  private refuseBlind(mask: Tensor, edits: readonly Knockout[], layer: number): void {
    const { tokens, past, origin } = this.extent;
    const data = mask.data as Float32Array;
    const attended = past + tokens;
    const queries = new Set(edits.flatMap((e) => tokensOf(e.queries, this.extent).map((q) => q.token)));
    for (let start = 0; start < data.length; start += tokens * attended) {
      for (const query of queries) {
        const row = data.subarray(start + query * attended, start + (query + 1) * attended);
        if (row.every((x) => x === -Infinity)) {
          throw new InputError(
            `The knockout leaves position ${query + past - origin} nothing to attend to in layer ${layer}: leave it at least one key at or before it.`,
            { field: 'edits' },
          );
        }
      }
    }
  }
}
