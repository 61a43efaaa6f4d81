/**
 * What matrix products alone would take: the multiply-adds of a patching map's products, and how many a second onnxruntime does at its
 * best here. A map can't be quicker than that, whatever else is saved.
 */
import * as ort from 'onnxruntime-node';
import { GraphBuilder } from '../src/graph/builder.js';
import { DataType } from '../src/graph/onnx-proto.js';
import type { ModelSpec } from '../src/model/spec.js';
import { time } from './measure.mjs';

/** Rows of the product that is timed: those for which the rate is about the highest. */
const ROWS = 512;
/** Bytes of different matrices that are multiplied with, so that they come from memory as a model's do. */
const MATRICES = 5e7;
const ROUNDS = 9;

/** Multiply-adds in products with weights that the cells (layer, position) of a map need, each from its own layer and position on. */
export function productsOf(
  { nLayers, dModel, nHeads, nKvHeads, dHead, dMlp, mlp }: ModelSpec,
  tokens: number,
  cells: readonly { layer: number; position: number }[],
): number {
  const keysAndValues = dModel * 2 * nKvHeads * dHead;
  const rest = dModel * (2 * nHeads * dHead + (mlp.gated ? 3 : 2) * dMlp);
  // Of the last layer only keys and values are needed everywhere; the rest of it at the last position.
  const cost = ({ layer, position }: { layer: number; position: number }): number =>
    (nLayers - layer) * (tokens - position) * keysAndValues + ((nLayers - layer - 1) * (tokens - position) + 1) * rest;
  return cells.reduce((sum, cell) => sum + cost(cell), 0);
}

/** Multiply-adds a second of products [512, d_model] × [d_model, d_mlp], the best of several rounds. */
export async function bestRate({ dModel, dMlp }: ModelSpec, threads: number): Promise<number> {
  const g = new GraphBuilder('products');
  const x = g.input('x', DataType.FLOAT, [ROWS, dModel]);
  const count = Math.ceil(MATRICES / (4 * dModel * dMlp));
  for (let i = 0; i < count; i++) {
    const values = Float32Array.from({ length: dModel * dMlp }, (_, at) => Math.sin(i + at));
    const rawData = new Uint8Array(values.buffer);
    const matrix = g.initializer({ name: `matrix:${i}`, dims: [dMlp, dModel], dataType: DataType.FLOAT, rawData });
    g.output(`product:${i}`, g.op('Gemm', [x, matrix], { transB: 1 }), [ROWS, dMlp]);
  }
  const session = await ort.InferenceSession.create(g.finish().bytes, { intraOpNumThreads: threads, graphOptimizationLevel: 'basic' });
  const feeds = { x: new ort.Tensor('float32', new Float32Array(ROWS * dModel).fill(0.5), [ROWS, dModel]) };
  await session.run(feeds);
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) best = Math.min(best, await time(async () => void (await session.run(feeds))));
  await session.release();
  return (1000 * ROWS * dModel * dMlp * count) / best;
}
