/** Entry of dist/engine.cjs: the process that owns onnxruntime. Started by EngineProcess, with an IPC channel and nothing else. */
import { join } from 'node:path';
import { InputError } from '../errors.js';
import type { LoadedModel } from '../model/types.js';
import { resolveAnyModel } from '../planted/catalog.js';
import { loadModel } from '../model/load.js';
import { runShell } from '../run/run.js';
import { parseShell } from '../shell/parse.js';
import { probeShell } from '../shell/probe.js';
import { endLanes } from './lane/lanes.js';
import { listProviders, onnxruntimeVersion, openLocal } from './local/index.js';
import { packageRoot } from '../paths.js';
import type { Model, OpenOptions } from './api.js';
import { PROTOCOL_VERSION, type FromEngine, type ProbeParams, type ShellSource } from './protocol.js';
import type { Shell } from '../shell/types.js';
import { parseLimits } from './requests.js';
import { Server } from './server.js';

function log(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Resolves when the message has been handed to the channel; without a channel there is nobody left to tell. */
function send(message: FromEngine): Promise<void> {
  return new Promise((resolve) => {
    if (!process.send || !process.connected) return resolve();
    process.send(message, undefined, undefined, () => resolve());
  });
}

function parse({ text, file }: ShellSource): Shell {
  const { shell, diagnostics } = parseShell(text);
  if (shell) return shell;
  const error = diagnostics.find((d) => d.severity === 'error');
  if (!error) throw new Error('A shell was refused without a reason.');
  const { message, line, column, endLine, endColumn, field } = error;
  throw new InputError(message, { file: file ?? undefined, line, column, endLine, endColumn, field });
}

/** The likeliest next token that says something, as the text that it adds to the prompt. */
async function likeliest(model: Model, text: string, signal: AbortSignal): Promise<string> {
  const { tokenizer } = model;
  const ids = tokenizer.encode(text).map((token) => token.id);
  const { logits } = await model.run(ids, { signal });
  const before = tokenizer.decode(ids);
  const order = [...(logits?.data ?? [])].map((logit, id) => ({ logit, id })).sort((a, b) => b.logit - a.logit);
  for (const { id } of order) {
    if (tokenizer.specialIds.has(id)) continue;
    const after = tokenizer.decode([...ids, id]);
    const added = after.startsWith(before) ? after.slice(before.length) : tokenizer.decode([id]);
    if (added !== '' && !added.includes('\ufffd')) return added;
  }
  throw new InputError('The model says nothing after this text; name an answer.', { field: 'answer' });
}

async function probe(model: Model, { text, answer, rivals }: ProbeParams, signal: AbortSignal): Promise<string> {
  return probeShell({ prompt: text, answer: answer ?? (await likeliest(model, text, signal)), rivals });
}

/** The program of the threads that run small models' variants beside this one. */
const lane = join(packageRoot(), 'dist', 'lane.cjs');

const backend = {
  resolve: (model: string, folder: string) => resolveAnyModel(model, folder),
  load: loadModel,
  open: (loaded: LoadedModel, settings: OpenOptions) => openLocal(loaded, { ...settings, lane }),
  versions: () => ({ onnxruntime: onnxruntimeVersion(), providers: listProviders() }),
  parse,
  probe,
  runShell,
};

if (!process.send) {
  log('This program is started by Symbolic Residue itself; run `residue --help` instead.');
  process.exit(2);
}
const server = new Server(backend, send, log, parseLimits(process.argv[2]));
process.on('message', (message) => void server.receive(message));
// Nobody is left to answer.
process.on('disconnect', () => void endLanes().finally(() => process.exit(0)));
// A Ctrl-C reaches every process of a terminal; what it means is for the parent to say.
process.on('SIGINT', () => undefined);
void send({ type: 'ready', protocol: PROTOCOL_VERSION, pid: process.pid });
