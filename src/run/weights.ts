import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Model } from '../engine/api.js';
import { throwIfAborted } from '../errors.js';
import { outputGrams } from '../methods/attention.js';
import type { LayerWeights, Sizes } from '../methods/attribution.js';
import type { WeightStore } from '../model/weights.js';

/** Most bytes of W_O kept widened to float32 for one model; a larger one is read from its file layer by layer. */
const KEEP_BYTES = 256 * 2 ** 20;

/** What the methods read of a model's weights, kept between the runs of one model. */
export class MethodWeights {
  private readonly grams: (Float64Array[] | undefined)[] = [];
  private readonly layers: (LayerWeights | undefined)[] = [];
  readonly sizes: Sizes;
  private readonly keep: boolean;

  private constructor(private readonly model: Model) {
    const { dModel, dHead, nHeads, nKvHeads, nLayers } = model.spec;
    this.sizes = { dModel, dHead, nHeads, nKvHeads };
    this.keep = 4 * nLayers * nHeads * dHead * dModel <= KEEP_BYTES;
  }

  private static readonly known = new WeakMap<WeightStore, MethodWeights>();

  static of(model: Model): MethodWeights {
    let weights = MethodWeights.known.get(model.weights);
    if (!weights) MethodWeights.known.set(model.weights, (weights = new MethodWeights(model)));
    return weights;
  }

  layer(index: number): LayerWeights {
    const known = this.layers[index];
    if (known) return known;
    const { weights } = this.model;
    const bias = `blocks.${index}.attn.b_O`;
    const layer = { wO: weights.readWO(index), bO: weights.has(bias) ? weights.readStored(bias) : null };
    if (this.keep) this.layers[index] = layer;
    return layer;
  }

  /** Gram matrices of W_O of a layer, [head][d_head · d_head]. */
  gram(index: number): readonly Float64Array[] {
    return (this.grams[index] ??= outputGrams(this.layer(index).wO, this.sizes));
  }
}

/** Lets messages in between two pieces of work, and stops if the signal has fired. */
export async function breathe(signal: AbortSignal | undefined): Promise<void> {
  await nextTurn();
  throwIfAborted(signal);
}
