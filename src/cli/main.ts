// First, so that the engine's process starts while the others are evaluated.
import { early } from './early.js';
import { CommanderError } from 'commander';
import { writeFailure } from '../residue/write.js';
import { program } from './program.js';
import { dropEngine, EXIT, useEngine } from './session.js';

if (early) useEngine(early);

async function main(): Promise<number> {
  let code: number = EXIT.ok;
  try {
    await program((end) => (code = end)).parseAsync(process.argv);
  } catch (error) {
    // Commander has said what is wrong; its help and version end with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
    throw error;
  } finally {
    await dropEngine();
  }
  return code;
}

// A reader that has gone away (`residue --help | head -1`) is no error; what cannot be written otherwise is one, told once.
let unwritten = false;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED' || unwritten) return;
    unwritten = true;
    process.exitCode = EXIT.badInput;
    if (stream === process.stdout) process.stderr.write(`stdout: ${writeFailure('stdout', error).message}\n`);
  });
}

// A program whose event loop runs empty half-way has not done what was asked.
process.once('exit', () => (process.exitCode ??= EXIT.badInput));
void main().then(
  (code) => {
    process.exitCode = unwritten ? EXIT.badInput : code;
  },
  (error: unknown) => {
    process.stderr.write(`residue: this is a fault of the program: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = EXIT.badInput;
  },
);
