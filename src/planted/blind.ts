import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLocal } from '../engine/local/index.js';
import { loadModel } from '../model/load.js';
import { runShell } from '../run/run.js';
import { parseShell } from '../shell/parse.js';
import type { Exhibit, Finding } from './trial.js';

/** What a diagnosis is drawn from. What else a residue has would only take time. */
const READ = ['collapse', 'headVerdicts', 'verification'] as const;

/** The pipeline, in this process, on nothing but a model's files and a shell's text. It measures as `residue run` does. */
export async function lookBlind({ files, shell: text }: Exhibit, signal?: AbortSignal): Promise<Finding> {
  const folder = mkdtempSync(join(tmpdir(), 'residue-planted-'));
  try {
    for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
    const { shell, diagnostics } = parseShell(text);
    if (!shell) throw new Error(diagnostics[0]?.message);
    const model = await openLocal(await loadModel(folder, { id: 'model' }), { threads: 1 });
    try {
      const { verdict, runs, control } = await runShell(model, shell, { text, file: null }, { seed: 0, sections: READ, signal });
      return {
        diagnosis: verdict?.diagnosis ?? null,
        failed: runs[0]!.scores!.failed,
        controlFailed: control!.scores!.failed,
      };
    } finally {
      await model.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
