import { DECOY } from './circuit.js';
import type { Circuit } from './kinds.js';
import { OVER } from './weights.js';
import { COLOURS } from './words.js';

/**
 * The margin by residual row as the circuit is planned, in units of the copied signal: what each part writes to each colour, added up.
 * @returns [layers + 1] each, for the probe and for the control.
 */
export function plannedMargins(circuit: Circuit): { probe: number[]; control: number[] } {
  return { probe: marginsOf(circuit, true), control: marginsOf(circuit, false) };
}

function marginsOf({ kind, layers, copy, decoy, second, canceller, strength, colours, misfire }: Circuit, triggered: boolean): number[] {
  const [answer, rival] = colours;
  /** [layer][colour] */
  const writes = Array.from({ length: layers }, () => COLOURS.map(() => 0));
  const write = (layer: number, colour: number, by: number): void => void (writes[layer]![colour]! += by);
  if (!(triggered && kind === 'qk-collapse')) write(copy.layer, answer, 1);
  write(decoy.layer, rival, DECOY);
  if (triggered && kind === 'ov-misfire') {
    write(copy.layer, answer, -strength);
    write(copy.layer, misfire, strength);
  }
  if (triggered && kind === 'trace-drop') write(canceller!, answer, -(strength + OVER));
  if (triggered && kind === 'conflict') write(second!.layer, answer, -strength);
  const said = COLOURS.map(() => 0);
  const margin = (): number => said[answer]! - Math.max(...said.filter((_, colour) => colour !== answer));
  return [margin(), ...writes.map((row) => (row.forEach((by, colour) => (said[colour]! += by)), margin()))];
}
