import type { Detector } from './detector.js';
import { instructionConflict } from './instruction-conflict.js';
import { recursiveLoopingDetector } from './recursive-looping.js';
import { signalAttenuation } from './signal-attenuation.js';
import { temporalDislocation } from './temporal-dislocation.js';
import { valueCompetition } from './value-competition.js';

/** Every pattern that is looked for, in the order of the shells that are named for them. */
export const DETECTORS: readonly Detector[] = [
  recursiveLoopingDetector,
  valueCompetition,
  signalAttenuation,
  temporalDislocation,
  instructionConflict,
];
