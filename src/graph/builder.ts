import type { StoredTensor } from '../model/weights.js';
import { AttributeType, DataType, encodeModel } from './onnx-proto.js';
import type { AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto } from './onnx-proto.js';

/** The name of a tensor in a graph. */
export type Value = string;

/** A dimension: a size, or the name of one that is known only when the graph runs. */
export type Dim = number | string;

/** An attribute of a node; numbers that are no integers by their nature are given as `{ float }`. */
export type Attribute = number | string | readonly number[] | { float: number };

/** A finished graph. */
export interface Graph {
  /** The ONNX file. */
  bytes: Uint8Array;
  /** Tensors that it maps from their files; nothing has looked at their values yet. */
  mapped: StoredTensor[];
}

/** ONNX operators' version (all used here exist since it) and file version. */
const OPSET = 20;
const IR_VERSION = 9;

/** onnxruntime's own operators. */
const CONTRIB = { domain: 'com.microsoft', version: 1 } as const;

const text = new TextEncoder();

/**
 * Makes an ONNX graph node by node. Every method that adds a node gives back the name of its (first) output. Constants of equal
 * value are kept once.
 */
export class GraphBuilder {
  private readonly graph: GraphProto;
  /** Where nodes go: the graph, or the branch that is being made. */
  private nodes: NodeProto[];
  private readonly mapped: StoredTensor[] = [];
  private readonly constants = new Map<string, Value>();
  private readonly taken = new Set<string>();
  /** Outputs of nodes, and the names under which some of them leave the graph. */
  private readonly made = new Set<Value>();
  private readonly renamed = new Map<Value, string>();
  private readonly copies: [Value, string][] = [];
  /** What nodes have been made with, and what they gave; one table for the graph and one more for each branch that is being made. */
  private scopes: Map<string, Value[]>[] = [new Map()];
  private count = 0;

  constructor(name: string) {
    this.graph = { name, node: [], initializer: [], input: [], output: [] };
    this.nodes = this.graph.node;
  }

  input(name: string, type: DataType, dims: readonly Dim[]): Value {
    this.taken.add(name);
    this.graph.input.push(valueInfo(name, type, dims));
    return name;
  }

  /**
   * Gives a value out of the graph under `name`.
   * @param dims null: any shape.
   */
  output(name: string, value: Value, dims: readonly Dim[] | null, type: DataType = DataType.FLOAT): void {
    this.taken.add(name);
    this.graph.output.push(valueInfo(name, type, dims));
    // A node's output simply takes the new name; what is given out twice, or comes from outside, needs a node of its own.
    if (!this.renamed.has(value) && this.made.has(value)) this.renamed.set(value, name);
    else this.copies.push([value, name]);
  }

  initializer(tensor: TensorProto): Value {
    if (this.taken.has(tensor.name)) throw new Error(`Two values are named ${tensor.name}.`);
    this.taken.add(tensor.name);
    this.graph.initializer.push(tensor);
    return tensor.name;
  }

  /** A tensor that stays in its file, at `location` below the session's folder of external data; `whole`: what it is a part of. */
  external(name: string, dataType: DataType, stored: StoredTensor, location: string, whole = stored): Value {
    if (!this.mapped.includes(whole)) this.mapped.push(whole);
    return this.initializer({
      name,
      dims: [...stored.shape],
      dataType,
      dataLocation: 1,
      externalData: [
        { key: 'location', value: location },
        { key: 'offset', value: String(stored.byteOffset) },
        { key: 'length', value: String(stored.byteLength) },
      ],
    });
  }

  /** A float32 scalar or small array in the graph itself. */
  floats(values: readonly number[] | Float32Array, dims: readonly number[] = [values.length]): Value {
    const data = Float32Array.from(values);
    return this.constant(`f:${dims.join()}:${data.join()}`, DataType.FLOAT, dims, data);
  }

  scalar(value: number): Value {
    return this.floats([value], []);
  }

  ints(values: readonly number[]): Value {
    return this.constant(`i:${values.join()}`, DataType.INT64, [values.length], BigInt64Array.from(values, BigInt));
  }

  longScalar(value: number): Value {
    return this.constant(`l:${value}`, DataType.INT64, [], BigInt64Array.of(BigInt(value)));
  }

  private constant(key: string, dataType: DataType, dims: readonly number[], data: Float32Array | BigInt64Array): Value {
    const known = this.constants.get(key);
    if (known !== undefined) return known;
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const name = this.initializer({ name: `const:${this.constants.size}`, dims: [...dims], dataType, rawData });
    this.constants.set(key, name);
    return name;
  }

  /** A node with one output. A node like one that is there already is that one. */
  op(opType: string, input: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    return this.ops(opType, input, 1, attributes)[0]!;
  }

  /** A node of an operator that onnxruntime has beside ONNX's, with one output. */
  contrib(opType: string, input: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    return this.ops(opType, input, 1, attributes, CONTRIB.domain)[0]!;
  }

  /** A node with several outputs. An empty name stands for an input left out. */
  ops(
    opType: string,
    input: readonly Value[],
    outputs: number,
    attributes: Readonly<Record<string, Attribute>> = {},
    domain?: string,
  ): Value[] {
    const named = Object.keys(attributes);
    // Names of values hold neither spaces nor braces.
    const key = `${domain ?? ''} ${opType} ${input.join(' ')} ${outputs}${named.length > 0 ? JSON.stringify(attributes) : ''}`;
    for (const scope of this.scopes) {
      const known = scope.get(key);
      if (known) return known;
    }
    const name = `${opType}:${this.count++}`;
    const output = Array.from({ length: outputs }, (_, i) => `${name}:${i}`);
    const attribute = named.map((which) => toAttribute(which, attributes[which]!));
    output.forEach((value) => this.made.add(value));
    this.nodes.push({ opType, name, input: [...input], output, attribute, ...(domain === undefined ? {} : { domain }) });
    this.scopes.at(-1)!.set(key, output);
    return output;
  }

  /**
   * Values made in one of two ways, as a boolean scalar says when the graph runs; only that way is computed. Both make as many float32
   * arrays, which may read whatever has been made before.
   */
  either(condition: Value, ways: { then: () => readonly Value[]; else: () => readonly Value[] }, outputs: number): Value[] {
    const branch = (which: 'then' | 'else'): AttributeProto => {
      const outer = this.nodes;
      const node: NodeProto[] = [];
      this.nodes = node;
      this.scopes.push(new Map());
      const values = ways[which]();
      this.scopes.pop();
      this.nodes = outer;
      const output = values.map((value) => valueInfo(value, DataType.FLOAT, null));
      return {
        name: `${which}_branch`,
        type: AttributeType.GRAPH,
        g: { name: `${which}:${this.count++}`, node, initializer: [], input: [], output },
      };
    };
    const attribute = [branch('then'), branch('else')];
    const name = `If:${this.count++}`;
    const output = Array.from({ length: outputs }, (_, i) => `${name}:${i}`);
    output.forEach((value) => this.made.add(value));
    this.nodes.push({ opType: 'If', name, input: [condition], output, attribute });
    return output;
  }

  /** Makes nodes that read nothing but initializers, where every branch can read what they give and it is made once, with the session. */
  beforehand<T>(make: () => T): T {
    const [here, scopes] = [this.nodes, this.scopes];
    [this.nodes, this.scopes] = [this.graph.node, scopes.slice(0, 1)];
    try {
      return make();
    } finally {
      [this.nodes, this.scopes] = [here, scopes];
    }
  }

  add(a: Value, b: Value): Value {
    return this.op('Add', [a, b]);
  }

  mul(a: Value, b: Value): Value {
    return this.op('Mul', [a, b]);
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return this.op('Transpose', [x], { perm });
  }

  /** Sizes of some dimensions, as a vector for `reshape`. */
  shapeOf(x: Value, start: number, end: number): Value {
    return this.op('Shape', [x], { start, end });
  }

  /** New shape: parts are sizes or vectors of sizes made by `shapeOf`. −1 in one place stands for the rest. */
  reshape(x: Value, parts: readonly (number | Value)[]): Value {
    const pieces: Value[] = [];
    let sizes: number[] = [];
    const flush = () => {
      if (sizes.length > 0) pieces.push(this.ints(sizes));
      sizes = [];
    };
    for (const part of parts) {
      if (typeof part === 'number') sizes.push(part);
      else {
        flush();
        pieces.push(part);
      }
    }
    flush();
    const shape = pieces.length === 1 ? pieces[0]! : this.op('Concat', pieces, { axis: 0 });
    return this.op('Reshape', [x, shape]);
  }

  split(x: Value, axis: number, sizes: readonly number[]): Value[] {
    return this.ops('Split', [x, this.ints(sizes)], sizes.length, { axis });
  }

  /** x[start:end] along one axis; start and end are vectors of one number. */
  slice(x: Value, axis: number, start: Value, end: Value): Value {
    return this.op('Slice', [x, start, end, this.ints([axis])]);
  }

  mean(x: Value): Value {
    return this.op('ReduceMean', [x, this.ints([-1])], { keepdims: 1 });
  }

  finish(): Graph {
    for (const [value, name] of this.copies)
      this.graph.node.push({ opType: 'Identity', name: `copy:${name}`, input: [value], output: [name], attribute: [] });
    this.rename(this.graph.node);
    const bytes = encodeModel({
      irVersion: IR_VERSION,
      producerName: 'symbolic-residue',
      opsetImport: [{ domain: '', version: OPSET }, CONTRIB],
      graph: this.graph,
    });
    return { bytes, mapped: this.mapped };
  }

  private rename(nodes: readonly NodeProto[]): void {
    const final = (value: Value) => this.renamed.get(value) ?? value;
    for (const node of nodes) {
      node.input = node.input.map(final);
      node.output = node.output.map(final);
      for (const { g } of node.attribute) if (g) this.rename(g.node);
    }
  }
}

function toAttribute(name: string, value: Attribute): AttributeProto {
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: value };
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: text.encode(value) };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeType.INTS, ints: [...value] };
}

/** @param dims null: any shape. */
function valueInfo(name: string, elemType: DataType, dims: readonly Dim[] | null): ValueInfoProto {
  if (dims === null) return { name, type: { tensorType: { elemType } } };
  const dim = dims.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}
