import type { Ask, Stage } from './stage.js';
import { commandStages } from './stages/commands.js';
import { generation } from './stages/generation.js';
import { propagation, shape, verdicts } from './stages/heads.js';
import { graph } from './stages/graph.js';
import { knockoutNulls } from './nulls/knockout.js';
import { shiftNulls } from './nulls/shift.js';
import { spliceNulls } from './nulls/splice.js';
import { nulls } from './nulls/stage.js';
import { layers } from './stages/layers.js';
import { secondOpinions } from './opinions/stage.js';
import { patterns } from './stages/patterns.js';
import { readOff } from './stages/read-off.js';
import { verification } from './verify/stage.js';

/** Every stage of a run, in order. To add one, write it (src/run/stage.ts says what it is) and add its line. */
const STAGES: readonly (Stage | ((ask: Ask) => readonly Stage[]))[] = [
  // on `traced`
  readOff,
  shape,
  nulls,
  // on `probe`
  generation,
  commandStages,
  patterns,
  // on `headline` and `every`
  layers,
  verdicts,
  propagation,
  verification,
  graph,
  knockoutNulls,
  shiftNulls,
  spliceNulls,
  secondOpinions,
];

/** The stages that a shell has with these options. */
export function stagesOf(ask: Ask): Stage[] {
  const wanted: ReadonlySet<string> | null = ask.options.sections ? new Set(ask.options.sections) : null;
  return STAGES.flatMap((entry) => (typeof entry === 'function' ? entry(ask) : entry))
    .filter((stage) => stage.when?.(ask) ?? true)
    .filter(({ fills }) => wanted === null || fills.some((section) => wanted.has(section)));
}
