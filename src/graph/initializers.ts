import { dirname, relative, sep } from 'node:path';
import { realpathSync } from 'node:fs';
import { InputError } from '../errors.js';
import type { StoredDtype, StoredTensor, WeightName, WeightStore } from '../model/weights.js';
import type { GraphBuilder, Value } from './builder.js';
import { DataType } from './onnx-proto.js';

const MAPPED: Partial<Record<StoredDtype, { type: DataType; bytes: number }>> = {
  F32: { type: DataType.FLOAT, bytes: 4 },
  F16: { type: DataType.FLOAT16, bytes: 2 },
  BF16: { type: DataType.BFLOAT16, bytes: 2 },
};

/** A run of a matrix's rows, as float32. */
const RUN_BYTES = 2 ** 24;

/** An ONNX file in memory is one protobuf message, whose length is a 32-bit number. */
const MAX_RAW_BYTES = 2 ** 31 - 2 ** 20;

/**
 * Puts a model's weights into graphs. Matrices stored as plain floats are left in the user's file: the graph only says where they
 * lie, and onnxruntime maps them. The rest (quantised, or at an offset that is no multiple of the number's size, which
 * onnxruntime does not promise to read) is widened to float32 and put into the graph.
 */
export class Initializers {
  /** The folder that holds every weights file: the session's folder of external data. */
  readonly folder: string;
  private readonly files: Map<string, string>;

  constructor(private readonly weights: WeightStore) {
    // Download caches keep weights behind symbolic links, and onnxruntime refuses a path that leaves its folder.
    const paths = new Set(weights.names().map((name) => weights.get(name).stored.file));
    this.files = new Map([...paths].map((path) => [path, realpathSync(path)]));
    this.folder = commonFolder([...this.files.values()]);
  }

  has(name: WeightName): boolean {
    return this.weights.has(name);
  }

  /** A matrix as it is stored (see Weight.layout), as float32. */
  matrix(g: GraphBuilder, name: WeightName): Value {
    const { stored } = this.weights.get(name);
    const mapped = this.mappedAs(stored);
    if (!mapped) return this.inGraph(g, name);
    const value = g.external(name, mapped.type, stored, this.location(stored));
    return mapped.type === DataType.FLOAT ? value : widened(g, value);
  }

  /** What a tensor can be left in its file as; undefined where it cannot. */
  private mappedAs({ dtype, byteOffset }: StoredTensor): (typeof MAPPED)[StoredDtype] {
    const mapped = MAPPED[dtype];
    return mapped && byteOffset % mapped.bytes === 0 ? mapped : undefined;
  }

  /**
   * A matrix as `matrix` gives it, in runs of its stored rows where it is mapped and must be widened to float32: while a session is made,
   * onnxruntime has each of its matrices twice, as it is and as its products read it, and with runs only one of them at a time.
   */
  runs(g: GraphBuilder, name: WeightName): Value[] {
    const { stored } = this.weights.get(name);
    const mapped = this.mappedAs(stored);
    const [rows = 0, columns = 0] = stored.shape;
    const each = Math.max(1, Math.floor(RUN_BYTES / (4 * columns)));
    if (!mapped || mapped.type === DataType.FLOAT || rows <= each) return [this.matrix(g, name)];
    return Array.from({ length: Math.ceil(rows / each) }, (_, i) => {
      const count = Math.min(each, rows - i * each);
      const row = columns * mapped.bytes;
      const part = { ...stored, shape: [count, columns], byteOffset: stored.byteOffset + i * each * row, byteLength: count * row };
      return widened(g, g.external(`${name}:${i}`, mapped.type, part, this.location(stored), stored));
    });
  }

  /** A bias or a norm's weight; null where the model has none. */
  vector(g: GraphBuilder, name: WeightName): Value | null {
    return this.weights.has(name) ? this.inGraph(g, name) : null;
  }

  private inGraph(g: GraphBuilder, name: WeightName): Value {
    const { stored } = this.weights.get(name);
    const bytes = 4 * stored.shape.reduce((a, b) => a * b, 1);
    if (bytes > MAX_RAW_BYTES) {
      throw new InputError(
        `Tensor ${stored.name} (${stored.dtype}) takes ${(bytes / 2 ** 30).toFixed(1)} GiB as float32 and onnxruntime takes at most 2 GiB for one that cannot be mapped: use a safetensors file of this model.`,
        { file: stored.file, field: stored.name },
      );
    }
    const data = this.weights.readStored(name);
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return g.initializer({ name, dims: [...stored.shape], dataType: DataType.FLOAT, rawData });
  }

  private location(stored: StoredTensor): string {
    return relative(this.folder, this.files.get(stored.file) ?? realpathSync(stored.file))
      .split(sep)
      .join('/');
  }
}

/** Made once, with the session. */
const widened = (g: GraphBuilder, value: Value): Value => g.beforehand(() => g.op('Cast', [value], { to: DataType.FLOAT }));

/** The deepest folder that contains all the files. */
function commonFolder(files: readonly string[]): string {
  let folder = dirname(files[0] ?? sep);
  const holds = (path: string) => path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
  while (!files.every(holds)) {
    const parent = dirname(folder);
    if (parent === folder) break;
    folder = parent;
  }
  return folder;
}
