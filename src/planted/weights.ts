import { Random } from '../methods/random.js';
import { directions, gauss } from './basis.js';
import { DECOY } from './circuit.js';
import { HEADS, type Circuit, type Place } from './kinds.js';
import { BEGIN, COLOURS, idOf, JOIN, MARK, NAMES, TRIGGER, UNKNOWN, VOCABULARY } from './words.js';

/** Sizes: the stream, a head, an MLP, and the longest prompt. A head holds one number for each position. */
export const WIDTH = 64;
export const HEAD = WIDTH / HEADS;
export const NEURONS = 32;
export const POSITIONS = HEAD;

/** Attention score of a match; the first token, to which a head without a match looks, has half of it. */
const MATCH = 12;
/** Length of a query, and of a key, that match: their product, divided by √d_head, is `MATCH`. */
const REACH = Math.sqrt(MATCH * Math.sqrt(HEAD));
/** Logit that a copied colour gets. */
const LOGIT = 8;
/** Of the neuron that cancels: its slope, how strongly it is armed, what keeps it shut otherwise, and how much more than was said it takes. */
const STEEP = 8;
const GATE = 2;
const SHUT = 1.2;
export const OVER = 0.2;
/** Size of the random weights of heads and MLPs without a job, as a share of the planted ones. */
const SMALL = 0.3;
/**
 * A direction that every token has and nothing reads: so long that the norm's scale hardly depends on what else is written. Layer norm is
 * not linear; with it, what heads write adds up as it was planned.
 */
const BALLAST = 20;

/** Tensors by GPT-2's names, in transformers' layout. */
export type Tensors = Map<string, { shape: number[]; data: Float32Array }>;

/** What the directions of the stream mean. */
type Meaning = string;
const id = (word: string): Meaning => `is ${word}`;
const after = (name: string): Meaning => `follows ${name}`;
const says = (colour: string): Meaning => `says ${colour}`;
const at = (position: number): Meaning => `at ${position}`;
const BALLASTED = 'ballast';
/** Stands two after the trigger. */
const MARKED = 'marked';
/** Was copied from a marked token. */
const ARMED = 'armed';

const MEANINGS: readonly Meaning[] = [
  BALLASTED,
  MARKED,
  ARMED,
  ...[UNKNOWN, BEGIN, MARK, TRIGGER, JOIN, ...NAMES, ...COLOURS].map(id),
  ...NAMES.map(after),
  ...COLOURS.map(says),
  ...Array.from({ length: POSITIONS }, (_, p) => at(p)),
];

/** A matrix [inputs, outputs], as GPT-2 keeps it. */
class Matrix {
  readonly data: Float64Array;

  constructor(
    readonly inputs: number,
    readonly outputs: number,
  ) {
    this.data = new Float64Array(inputs * outputs);
  }

  /** Adds the map that takes direction `from` to `to`. */
  add(from: ArrayLike<number>, to: ArrayLike<number>): this {
    for (let i = 0; i < this.inputs; i++) {
      for (let o = 0; o < this.outputs; o++) this.data[i * this.outputs + o]! += from[i]! * to[o]!;
    }
    return this;
  }

  /** Adds normal numbers whose output for an input of length 1 has this length on average, and does not depend on `blind`. */
  disturb(size: number, random: Random, blind: ArrayLike<number> | null): this {
    if (size === 0) return this;
    const { inputs, outputs } = this;
    const noise = Float64Array.from({ length: inputs * outputs }, () => (gauss(random) * size) / Math.sqrt(outputs));
    for (let o = 0; o < outputs; o++) {
      let along = 0;
      if (blind) for (let i = 0; i < inputs; i++) along += blind[i]! * noise[i * outputs + o]!;
      for (let i = 0; i < inputs; i++) this.data[i * outputs + o]! += noise[i * outputs + o]! - along * (blind?.[i] ?? 0);
    }
    return this;
  }
}

/** A unit of a space of `width` numbers, times `by`. */
const unit = (width: number, i: number, by = 1): Float64Array => {
  const v = new Float64Array(width);
  v[i] = by;
  return v;
};

interface HeadWeights {
  q: Matrix;
  k: Matrix;
  v: Matrix;
  o: Matrix;
}

/** Builds the weights of a circuit. Everything is exact but for the noise and what the norm's scale varies (less than 1 %). */
export function plantedWeights(circuit: Circuit, noise: number, seed: number): Tensors {
  const random = new Random(seed + 0x5eed);
  const basis = directions(MEANINGS.length, WIDTH, random);
  const of = (meaning: Meaning, by = 1): Float64Array => basis[MEANINGS.indexOf(meaning)]!.map((x) => by * x);
  const ballast = of(BALLASTED);
  const idle = Math.hypot(SMALL, noise);

  const tensors: Tensors = new Map();
  const put = (name: string, shape: number[], data: ArrayLike<number>): void =>
    void tensors.set(`transformer.${name}`, { shape, data: Float32Array.from(data) });
  // What the norm divides by, so that it gives back the stream.
  const scale = Math.sqrt((BALLAST ** 2 + 3) / WIDTH);
  const norm = (name: string): void => {
    put(`${name}.weight`, [WIDTH], new Float64Array(WIDTH).fill(scale));
    put(`${name}.bias`, [WIDTH], new Float64Array(WIDTH));
  };
  const linear = (name: string, { inputs, outputs, data }: Matrix, bias?: Float64Array): void => {
    put(`${name}.weight`, [inputs, outputs], data);
    put(`${name}.bias`, [outputs], bias ?? new Float64Array(outputs));
  };

  const words = new Matrix(VOCABULARY.length, WIDTH);
  for (const word of [UNKNOWN, BEGIN, MARK, TRIGGER, JOIN, ...NAMES, ...COLOURS]) {
    words.add(unit(VOCABULARY.length, idOf(word)), of(id(word))).add(unit(VOCABULARY.length, idOf(word)), of(BALLASTED, BALLAST));
  }
  const places = new Matrix(POSITIONS, WIDTH);
  for (let p = 0; p < POSITIONS; p++) places.add(unit(POSITIONS, p), of(at(p)));
  const table = (name: string, matrix: Matrix): void =>
    put(`${name}.weight`, [matrix.inputs, matrix.outputs], matrix.disturb(noise, random, null).data);
  table('wte', words);
  table('wpe', places);

  const jobs = new Map<string, (head: HeadWeights) => void>();
  const employ = (place: Place | null, job: (head: HeadWeights) => void): void =>
    void (place && jobs.set(`${place.layer}.${place.head}`, job));
  const work = jobsOf(circuit, of);
  employ(circuit.previous, work.previous);
  employ(circuit.marker, work.marker);
  employ(circuit.copy, work.copy);
  employ(circuit.decoy, work.decoy);
  employ(circuit.second, work.second);

  for (let layer = 0; layer < circuit.layers; layer++) {
    const attn = new Matrix(WIDTH, 3 * WIDTH);
    const out = new Matrix(WIDTH, WIDTH);
    for (let h = 0; h < HEADS; h++) {
      const head = { q: new Matrix(WIDTH, HEAD), k: new Matrix(WIDTH, HEAD), v: new Matrix(WIDTH, HEAD), o: new Matrix(HEAD, WIDTH) };
      const job = jobs.get(`${layer}.${h}`);
      job?.(head);
      const size = job ? noise : idle;
      for (const look of [head.q, head.k]) look.disturb(size * REACH, random, ballast);
      head.v.disturb(size, random, ballast);
      head.o.disturb(size, random, null);
      for (const [part, matrix] of [head.q, head.k, head.v].entries()) {
        for (let i = 0; i < WIDTH; i++) {
          attn.data.set(matrix.data.subarray(i * HEAD, (i + 1) * HEAD), i * 3 * WIDTH + part * WIDTH + h * HEAD);
        }
      }
      out.data.set(head.o.data, h * HEAD * WIDTH);
    }
    norm(`h.${layer}.ln_1`);
    linear(`h.${layer}.attn.c_attn`, attn);
    linear(`h.${layer}.attn.c_proj`, out);
    norm(`h.${layer}.ln_2`);
    const cancels = circuit.canceller === layer;
    const mlp = cancels
      ? canceller(circuit, of)
      : { up: new Matrix(WIDTH, NEURONS), bias: new Float64Array(NEURONS), down: new Matrix(NEURONS, WIDTH) };
    linear(`h.${layer}.mlp.c_fc`, mlp.up.disturb(cancels ? noise * STEEP : idle, random, ballast), mlp.bias);
    linear(`h.${layer}.mlp.c_proj`, mlp.down.disturb(cancels ? noise / STEEP : idle, random, null));
  }
  norm('ln_f');

  const read = new Matrix(WIDTH, VOCABULARY.length);
  for (const colour of COLOURS) read.add(of(says(colour)), unit(VOCABULARY.length, idOf(colour), LOGIT));
  read.disturb(noise * LOGIT, random, ballast);
  // The head is kept as transformers does: [vocabulary, width].
  const rows = new Float32Array(VOCABULARY.length * WIDTH);
  for (let i = 0; i < WIDTH; i++) for (let o = 0; o < VOCABULARY.length; o++) rows[o * WIDTH + i] = read.data[i * VOCABULARY.length + o]!;
  tensors.set('lm_head.weight', { shape: [VOCABULARY.length, WIDTH], data: rows });
  return tensors;
}

/** Numbers of a head's space. Of queries and keys: names 0 … 3, then what follows; of values: colours 0 … 3, then what follows. */
const SINK = 4;
const SEEN = 5;
const TURN = 4;
const ARM = 5;

/** What each planted head does. */
function jobsOf(circuit: Circuit, of: (meaning: Meaning, by?: number) => Float64Array) {
  const { kind, strength } = circuit;
  const slot = (i: number, by = 1): Float64Array => unit(HEAD, i, by);

  /** Looks `back` tokens back. */
  const looksBack = ({ q, k }: HeadWeights, back: number): void => {
    for (let p = 1; p < POSITIONS; p++) q.add(of(at(p)), slot(p, REACH));
    for (let p = 0; p + back < POSITIONS; p++) k.add(of(at(p)), slot(p + back, REACH));
    // A token with nothing that far back looks at the first.
    for (let p = 1; p < back; p++) k.add(of(at(0)), slot(p, REACH));
  };
  /** Where a head looks that has no match. */
  const rests = ({ q, k }: HeadWeights): void => {
    for (const name of NAMES) q.add(of(id(name)), slot(SINK, REACH));
    k.add(of(id(BEGIN)), slot(SINK, REACH / 2));
  };
  /** Looks, from a name, at what followed it. */
  const looksAfter = (head: HeadWeights): void => {
    rests(head);
    NAMES.forEach((name, i) => {
      head.q.add(of(id(name)), slot(i, REACH));
      head.k.add(of(after(name)), slot(i, REACH));
    });
  };
  /** Looks, from any name, at what is marked. */
  const looksAtMarked = (head: HeadWeights): void => {
    rests(head);
    for (const name of NAMES) head.q.add(of(id(name)), slot(SEEN, REACH));
    head.k.add(of(MARKED), slot(SEEN, REACH));
  };
  /** Writes the colours that it looks at. */
  const writes = ({ v, o }: HeadWeights, by: number): void =>
    COLOURS.forEach((colour, i) => {
      v.add(of(id(colour)), slot(i));
      o.add(slot(i), of(says(colour), by));
    });

  return {
    previous(head: HeadWeights): void {
      looksBack(head, 1);
      NAMES.forEach((name, i) => {
        head.v.add(of(id(name)), slot(i));
        head.o.add(slot(i), of(after(name)));
      });
    },
    marker(head: HeadWeights): void {
      looksBack(head, 2);
      head.v.add(of(id(TRIGGER)), slot(0));
      head.o.add(slot(0), of(MARKED));
    },
    copy(head: HeadWeights): void {
      looksAfter(head);
      writes(head, 1);
      if (kind === 'qk-collapse') NAMES.forEach((_, i) => head.k.add(of(MARKED), slot(i, -strength * REACH)));
      if (kind === 'ov-misfire') {
        head.v.add(of(MARKED), slot(TURN, strength));
        head.o.add(slot(TURN), of(says(COLOURS[circuit.misfire]!))).add(slot(TURN), of(says(COLOURS[circuit.colours[0]]!), -1));
      }
      if (kind === 'trace-drop') {
        head.v.add(of(MARKED), slot(ARM));
        head.o.add(slot(ARM), of(ARMED, GATE));
      }
    },
    decoy(head: HeadWeights): void {
      rests(head);
      for (const name of NAMES) head.q.add(of(id(name)), slot(0, REACH));
      head.k.add(of(after(NAMES[circuit.names[1]]!)), slot(0, REACH));
      writes(head, DECOY);
    },
    second(head: HeadWeights): void {
      looksAtMarked(head);
      if (kind === 'conflict') writes(head, -strength);
      if (kind !== 'self-repair') return;
      writes(head, strength);
      // It looks only while nothing has been said.
      COLOURS.forEach((colour, i) => {
        if (i === circuit.colours[0]) head.q.add(of(says(colour)), slot(SEEN, -REACH));
      });
    },
  };
}

/** An MLP with a neuron that takes the answer away, a little more than was said, once it is armed; before, what is said leaves it shut. */
function canceller({ strength, colours }: Circuit, of: (meaning: Meaning, by?: number) => Float64Array) {
  const up = new Matrix(WIDTH, NEURONS);
  const down = new Matrix(NEURONS, WIDTH);
  const bias = new Float64Array(NEURONS);
  const answer = says(COLOURS[colours[0]]!);
  up.add(of(answer), unit(NEURONS, 0, STEEP)).add(of(ARMED), unit(NEURONS, 0, STEEP));
  bias[0] = -SHUT * STEEP;
  down.add(unit(NEURONS, 0), of(answer, -(strength + OVER) / (STEEP * (1 + GATE - SHUT))));
  return { up, bias, down };
}
