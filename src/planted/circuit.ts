import { InputError } from '../errors.js';
import { Random } from '../methods/random.js';
import { HEADS, LAYERS, LEAST_LAYERS, type Circuit, type Place, type PlantedSettings } from './kinds.js';
import { COLOURS, NAMES } from './words.js';

/** How weakly the decoy writes another fact, as a share of the copied signal. */
export const DECOY = 0.4;

/**
 * Draws where everything lies. The copy head reads what the heads of earlier layers have prepared; everything else lies wherever the
 * seed puts it.
 *
 * Throws InputError for settings that no model has.
 */
export function drawCircuit({ kind, seed, noise, layers: asked }: PlantedSettings): Circuit {
  const [few, most] = [LEAST_LAYERS[kind] ?? LAYERS[0], LAYERS[1]];
  if (!(noise >= 0 && noise <= 1)) throw new InputError(`The noise of a planted model is a number from 0 to 1, not ${noise}.`);
  if (asked !== undefined && !(Number.isInteger(asked) && asked >= few && asked <= most))
    throw new InputError(`A planted model of the kind ${kind} has ${few} to ${most} layers, not ${asked}.`);
  const random = new Random(seed);
  const layers = asked ?? few + random.below(most - few + 1);
  const taken = new Set<string>();
  const between = (low: number, high: number): number => low + random.below(high - low + 1);
  const place = (low: number, high: number): Place => {
    for (;;) {
      const at = { layer: between(low, high), head: random.below(HEADS) };
      const key = `${at.layer}.${at.head}`;
      if (taken.has(key)) continue;
      taken.add(key);
      return at;
    }
  };
  const last = layers - 1;
  const room = kind === 'self-repair' ? 2 : 1;
  const previous = place(0, last - room);
  const marker = place(0, last - room);
  const ready = Math.max(previous.layer, marker.layer) + 1;
  const copy = place(ready, last - (room - 1));
  const decoy = place(previous.layer + 1, last);
  const second = kind === 'self-repair' ? place(copy.layer + 1, last) : kind === 'conflict' || kind === 'ghost' ? place(ready, last) : null;
  const canceller = kind === 'trace-drop' ? between(copy.layer, last) : null;
  const names = shuffled(NAMES.length, random).slice(0, 3) as [number, number, number];
  const colours = shuffled(COLOURS.length, random).slice(0, 3) as [number, number, number];
  const others = COLOURS.map((_, i) => i).filter((i) => i !== colours[0]);
  return {
    kind,
    layers,
    previous,
    marker,
    copy,
    decoy,
    second,
    canceller,
    strength: 0.9 + 0.2 * random.unit(),
    names,
    colours,
    misfire: others[random.below(others.length)]!,
    order: shuffled(3, random) as [number, number, number],
  };
}

/** Fisher and Yates's shuffle of 0 … n − 1. */
function shuffled(n: number, random: Random): number[] {
  const all = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}
