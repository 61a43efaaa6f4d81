/**
 * Starts the engine's process for the commands that run a model, while the rest of this program is still being evaluated: imported before
 * all else by main.ts, and by nothing but it.
 */
import { EngineError } from '../engine/errors.js';
import { EngineProcess } from '../engine/process.js';
import { logLine } from './log.js';

const RUNNING: readonly (string | undefined)[] = ['run', 'probe'];

function start([command, ...args]: readonly string[]): EngineProcess | null {
  if (!RUNNING.includes(command) || args.length === 0 || args.some((arg) => arg === '-h' || arg === '--help')) return null;
  try {
    return new EngineProcess({ onLog: logLine });
  } catch (error) {
    // Told when the engine is asked for something.
    if (error instanceof EngineError) return null;
    throw error;
  }
}

export const early = start(process.argv.slice(2));
