import { InputError, throwIfAborted } from '../../errors.js';
import { buildBehindHeads, buildBlock } from '../../graph/block.js';
import { buildFinalNorm, buildGram, buildHead, buildStatistics } from '../../graph/head.js';
import type { Graph } from '../../graph/builder.js';
import { Initializers } from '../../graph/initializers.js';
import type { Source } from '../../graph/layers.js';
import { checkFinite, nonFiniteError } from '../../model/finite.js';
import type { LoadedModel } from '../../model/types.js';
import type { StoredTensor } from '../../model/weights.js';
import type { OpenOptions } from '../api.js';
import { partName, type PassPart } from './pass.js';
import { Sessions } from './sessions.js';
import type { Part } from './sessions.js';

/** The sessions of an open model: each block, the final norm, the unembedding and the lens's statistics. */
export class Parts {
  private readonly made = new Map<string, Promise<Part>>();
  private readonly source: Source;
  readonly sessions: Sessions;
  /** Folder that external weights are relative to. */
  readonly folder: string;
  private closed = false;

  constructor(
    loaded: LoadedModel,
    threads: number,
    provider: string,
    /** False leaves the hook points out of the blocks' graphs. */
    private readonly taps: boolean,
    /** Called with each graph that passes of variants run. */
    private readonly onPart?: (part: PassPart, bytes: Uint8Array) => void,
  ) {
    const initializers = new Initializers(loaded.weights);
    this.source = { spec: loaded.spec, weights: loaded.weights, initializers };
    this.folder = initializers.folder;
    this.sessions = new Sessions(initializers.folder, threads, provider);
  }

  /** Makes every part that each run needs. */
  async open(options: Pick<OpenOptions, 'signal' | 'onProgress'>): Promise<void> {
    const { nLayers } = this.source.spec;
    const total = nLayers + 1;
    for (let layer = 0; layer < nLayers; layer++) {
      throwIfAborted(options.signal);
      options.onProgress?.({ stage: 'opening the model', done: layer, total });
      await this.block(layer);
    }
    throwIfAborted(options.signal);
    options.onProgress?.({ stage: 'opening the model', done: nLayers, total });
    await this.head();
    options.onProgress?.({ stage: 'opening the model', done: total, total });
  }

  block(layer: number): Promise<Part> {
    return this.passPart({ kind: 'block', layer });
  }

  /** What lies behind a block's heads. Has weights of its own: for small models. */
  behindHeads(layer: number): Promise<Part> {
    return this.passPart({ kind: 'behind heads', layer });
  }

  head(): Promise<Part> {
    return this.part('head', () => buildHead(this.source));
  }

  finalNorm(): Promise<Part> {
    return this.part('final norm', () => buildFinalNorm(this.source));
  }

  statistics(): Promise<Part> {
    return this.part('statistics', () => buildStatistics(this.source.spec.vocabSize));
  }

  gram(): Promise<Part> {
    return this.part('gram', () => buildGram(this.source.spec.dModel));
  }

  /** Throws InputError when the model is closed. */
  refuseClosed(): void {
    if (this.closed) throw new InputError('The model is closed.');
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const part of this.made.values()) await (await part.catch(() => null))?.release();
    this.made.clear();
  }

  private passPart(part: PassPart): Promise<Part> {
    const { kind, layer } = part;
    return this.part(partName(part), () => {
      const graph = kind === 'block' ? buildBlock(this.source, layer, this.taps) : buildBehindHeads(this.source, layer);
      this.onPart?.(part, graph.bytes);
      return graph;
    });
  }

  private part(name: string, build: () => Graph): Promise<Part> {
    this.refuseClosed();
    const known = this.made.get(name);
    if (known) return known;
    const part = Promise.resolve().then(() => this.make(build()));
    this.made.set(name, part);
    part.catch(() => this.made.delete(name));
    return part;
  }

  /** A session whose mapped weights are looked through for NaN and infinities before it runs for the first time. */
  private async make({ bytes, mapped }: Graph): Promise<Part> {
    const part = await this.sessions.create(bytes);
    let checked = false;
    return {
      run: async (feeds, outputs) => {
        this.refuseClosed();
        if (!checked) mapped.forEach(refuseNonFinite);
        checked = true;
        return part.run(feeds, outputs);
      },
      release: () => part.release(),
    };
  }
}

function refuseNonFinite(stored: StoredTensor): void {
  const found = checkFinite(stored);
  if (found) throw nonFiniteError(stored, found);
}
