import { join } from 'node:path';
import { window, type ExtensionContext } from 'vscode';
import { addressHandler } from './address.js';
import { languageModelTools } from './agent.js';
import { registerCommands } from './commands.js';
import { diagnostics } from './diagnostics.js';
import { Engine } from './engine.js';
import { runHistory } from './history.js';
import { keptFiles } from './kept-files.js';
import { languageFeatures } from './language.js';
import { codeLenses } from './lenses.js';
import { mcpServer } from './mcp-server.js';
import { modelsView } from './models/index.js';
import { Panels } from './panels.js';
import { residueEditor } from './residue-editor.js';
import { Results } from './results.js';
import { Runs } from './runs.js';
import { modelStatus } from './status.js';
import { residueTasks } from './tasks.js';
import { testExplorer } from './tests.js';

/** Wires the parts together, nothing else: what is heavy is loaded when it is first needed. */
export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel('Symbolic Residue', { log: true });
  const storage = (context.storageUri ?? context.globalStorageUri).fsPath;
  const engine = new Engine(log);
  const results = new Results(join(storage, 'results'), context.asAbsolutePath(join('dist', 'engine.cjs')), log);
  const runs = new Runs(engine, results, log);
  const panels = new Panels({ extension: context, engine, runs, results, log });
  const restartEngine = async (): Promise<void> => {
    runs.cancelAll();
    await engine.restart();
  };
  context.subscriptions.push(
    log,
    engine,
    results,
    runs,
    panels,
    addressHandler(panels),
    modelStatus(),
    modelsView({ extension: context, log, restartEngine }),
    codeLenses(runs, results),
    diagnostics(runs),
    languageFeatures(log),
    testExplorer(runs, results),
    keptFiles(results),
    residueEditor(panels),
    runHistory(results, panels),
    residueTasks(context.asAbsolutePath(join('dist', 'cli.cjs'))),
    ...languageModelTools(engine),
    mcpServer(context.asAbsolutePath(join('dist', 'cli.cjs'))),
    ...registerCommands({ extension: context.extensionUri, engine, runs, panels, results, log }),
  );
}
