import { join } from 'node:path';
import { window, type ExtensionContext } from 'vscode';
import { registerCommands } from './commands.js';
import { diagnostics } from './diagnostics.js';
import { Engine } from './engine.js';
import { languageFeatures } from './language.js';
import { codeLenses } from './lenses.js';
import { Panels } from './panel.js';
import { Runs } from './runs.js';
import { modelStatus } from './status.js';
import { ResidueStore } from './store.js';

/** Wires the parts together, nothing else: what is heavy is loaded when it is first needed. */
export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel('Symbolic Residue', { log: true });
  const storage = (context.storageUri ?? context.globalStorageUri).fsPath;
  const engine = new Engine(log);
  const runs = new Runs(engine, log);
  const store = new ResidueStore(join(storage, 'residues'), log);
  const panels = new Panels({ extension: context, engine, runs, store, log });
  const keep = runs.onDidChange((event) => {
    if (event.type === 'residue') void store.set(event.uri, event.json);
  });
  context.subscriptions.push(
    log,
    engine,
    runs,
    keep,
    panels,
    modelStatus(),
    codeLenses(runs),
    diagnostics(runs),
    languageFeatures(),
    ...registerCommands({ extension: context.extensionUri, engine, runs, panels, store, log }),
  );
}
