import { openLocal } from '../../src/engine/local/index.js';
import type { Model, OpenOptions } from '../../src/engine/api.js';
import { loadModel } from '../../src/model/load.js';
import { runShell } from '../../src/run/run.js';
import type { RunShellOptions } from '../../src/run/types.js';
import type { Residue } from '../../src/residue/types.js';
import { parseShell } from '../../src/shell/parse.js';
import type { Shell } from '../../src/shell/types.js';

/** A model of a path, in this process. One thread: the machine that tests may have few cores. */
export async function openPath(path: string, options: OpenOptions = {}): Promise<Model> {
  return openLocal(await loadModel(path), { threads: 1, ...options });
}

/** The shell of a text that has no errors. */
export function shellOf(text: string): Shell {
  const { shell, diagnostics } = parseShell(text);
  if (!shell) throw new Error(diagnostics.map((d) => `${d.line}:${d.column} ${d.message}`).join('\n'));
  return shell;
}

/** Runs the shell of a text on an open model. */
export function runText(model: Model, text: string, options: RunShellOptions = {}): Promise<Residue> {
  return runShell(model, shellOf(text), { text, file: 'test.shell.yaml' }, options);
}
