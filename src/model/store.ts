import { InputError } from '../errors.js';
import { widen } from './dequant.js';
import { BLOCKS } from './dtypes.js';
import { openFile } from './file.js';
import type { RandomAccessFile } from './file.js';
import { firstNonFinite, nonFiniteError } from './finite.js';
import type { ModelSpec } from './spec.js';
import type { StoredTensor, Weight, WeightName, WeightStore } from './weights.js';

/** Weights read by position from their files when they are asked for; nothing is kept in memory. */
export class FileWeightStore implements WeightStore {
  readonly parameters: number;
  private readonly open = new Map<string, RandomAccessFile>();
  private closed = false;

  constructor(
    private readonly source: string,
    private readonly spec: ModelSpec,
    private readonly weights: ReadonlyMap<WeightName, Weight>,
    readonly bytes: number,
  ) {
    let parameters = 0;
    for (const { stored } of weights.values()) parameters += valueCount(stored);
    this.parameters = parameters;
  }

  has(name: WeightName): boolean {
    return this.weights.has(name);
  }

  get(name: WeightName): Weight {
    const weight = this.weights.get(name);
    if (!weight) throw new InputError(`The model has no weight ${name}.`, { file: this.source, field: name });
    return weight;
  }

  names(): WeightName[] {
    return [...this.weights.keys()];
  }

  readStored(name: WeightName): Float32Array {
    const { stored } = this.get(name);
    return this.readValues(stored, 0, stored.byteLength, 0);
  }

  readRows(name: WeightName, ids: readonly number[]): Float32Array {
    const { stored } = this.get(name);
    const [rows, row] = stored.shape;
    if (rows === undefined || row === undefined || this.get(name).layout !== 'out_in') throw new Error(`${name} has no rows to read.`);
    const bytes = stored.byteLength / rows;
    const out = new Float32Array(ids.length * row);
    ids.forEach((id, i) => {
      if (!Number.isInteger(id) || id < 0 || id >= rows) throw new RangeError(`Row ${id} was asked of ${name}, which has ${rows}.`);
      out.set(this.readValues(stored, id * bytes, bytes, id * row), i * row);
    });
    return out;
  }

  readWO(layer: number): Float32Array {
    const name = `blocks.${layer}.attn.W_O`;
    const { layout } = this.get(name);
    const values = this.readStored(name);
    // [in, out] is [head · d_head, d_model] already.
    if (layout === 'in_out') return values;
    const { dModel, nHeads, dHead } = this.spec;
    const inputs = nHeads * dHead;
    const out = new Float32Array(values.length);
    for (let o = 0; o < dModel; o++) for (let i = 0; i < inputs; i++) out[i * dModel + o] = values[o * inputs + i]!;
    return out;
  }

  readLnFinal(): { w: Float32Array | null; b: Float32Array | null } {
    const read = (name: WeightName): Float32Array | null => (this.has(name) ? this.readStored(name) : null);
    return { w: read('ln_final.w'), b: read('ln_final.b') };
  }

  readUnembed(ids: readonly number[]): { w: Float32Array; b: Float32Array | null } {
    const w = this.readRows(this.has('unembed.W_U') ? 'unembed.W_U' : 'embed.W_E', ids);
    if (!this.has('unembed.b_U')) return { w, b: null };
    const bias = this.readStored('unembed.b_U');
    return { w, b: Float32Array.from(ids, (id) => bias[id]!) };
  }

  close(): void {
    this.closed = true;
    for (const file of this.open.values()) file.close();
    this.open.clear();
  }

  /** Values of whole blocks within a tensor, checked to be finite. `first` is the index of the first of them. */
  private readValues(stored: StoredTensor, offset: number, length: number, first: number): Float32Array {
    if (this.closed) throw new Error(`Weights of ${this.source} were read after it was closed.`);
    let file = this.open.get(stored.file);
    if (!file) this.open.set(stored.file, (file = openFile(stored.file)));
    let values: Float32Array;
    if (stored.dtype === 'F32') {
      values = new Float32Array(length / 4);
      file.readInto(new Uint8Array(values.buffer), stored.byteOffset + offset);
    } else {
      values = widen(stored.dtype, file.read(stored.byteOffset + offset, length));
    }
    const at = firstNonFinite(values);
    if (at >= 0) throw nonFiniteError(stored, { index: first + at, value: values[at]! });
    return values;
  }
}

/** Values in a stored tensor. */
export function valueCount(stored: StoredTensor): number {
  const { values, bytes } = BLOCKS[stored.dtype];
  return (stored.byteLength / bytes) * values;
}
