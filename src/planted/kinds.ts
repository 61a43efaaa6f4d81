/**
 * Planted failures: models built weight by weight, so that why they fail is known. What is planted is one cause, in one head (or in a
 * head and the MLP that cancels it), and a word of the prompt switches it on.
 */

/** What may be planted. `none` is the control: the same model without a cause. */
export const PLANTED_KINDS = ['none', 'qk-collapse', 'ov-misfire', 'trace-drop', 'conflict', 'ghost', 'self-repair'] as const;

export type PlantedKind = (typeof PLANTED_KINDS)[number];

/** Heads of each layer, and least and most layers of a model. */
export const HEADS = 4;
export const LAYERS = [2, 6] as const;
/** A model that repairs itself needs a layer for each of: finding the fact, reading it, reading it again. */
export const LEAST_LAYERS: Readonly<Partial<Record<PlantedKind, number>>> = { 'self-repair': 3 };

/** One model: the same settings give the same files, byte by byte. */
export interface PlantedSettings {
  kind: PlantedKind;
  /** Draws the layers and heads, the words, the order of the facts, the basis of the residual stream and all that is random. */
  seed: number;
  /** Noise in every matrix: what it adds to a matrix's output is, on average, this share of the planted output's length. */
  noise: number;
  /** Layers, 2 to 6; drawn from the seed where it is left out. */
  layers?: number;
}

/** A head of the model. */
export interface Place {
  layer: number;
  head: number;
}

/** The circuit as it was planted: what a diagnosis is held against, and never sees. */
export interface Circuit {
  kind: PlantedKind;
  layers: number;
  /** Writes each token's predecessor, if it is a name, beside it. */
  previous: Place;
  /** Writes at each token whether `zap` stands two before it. */
  marker: Place;
  /** Looks, from a name, at what followed that name before, and writes it. */
  copy: Place;
  /** Looks at another name's colour and writes it weakly. */
  decoy: Place;
  /** The second head of a conflict, a ghost or a backup: of `conflict` it writes against the first, of `self-repair` it takes over. */
  second: Place | null;
  /** The layer whose MLP cancels what `copy` wrote (`trace-drop`). */
  canceller: number | null;
  /** Strength of the cause: the share of the copied signal that it takes away or writes elsewhere. */
  strength: number;
  /** Indexes into the words: the name that is asked for and its colour, the decoy's, the third, and the colour that a misfire writes. */
  names: readonly [number, number, number];
  colours: readonly [number, number, number];
  misfire: number;
  /** Order of the three facts in the prompt; 0 is the one that is asked for. */
  order: readonly [number, number, number];
}

/** Where the cause sits: the layer and head that a right diagnosis names; null for `none`. */
export function causeOf({ kind, copy, second }: Circuit): Place | null {
  if (kind === 'none') return null;
  return second ?? copy;
}
