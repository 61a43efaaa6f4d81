import { dirname, isAbsolute, join } from 'node:path';
import { workspace, type Uri } from 'vscode';
import type { EngineClient } from '../engine/client.js';
import { EngineError } from '../engine/errors.js';
import type { ModelRef } from '../engine/protocol.js';
import type { RemoteRun } from '../engine/remote.js';
import { InputError } from '../errors.js';
import type { ToHost, ToPage } from '../residue/messages.js';
import { namedModel } from './named-model.js';
import { openShell } from './navigate.js';
import { settings } from './settings.js';

type Ask = Extract<ToHost, { type: 'pattern' }>;
type Answer = Extract<ToPage, { type: 'pattern' }>;

/** Bytes of patterns that one kept run may hold: of more, a layer at a time is traced. */
const KEPT_BYTES = 64 * 2 ** 20;
/** Longest prompt whose patterns are shown, tokens: 4,096² numbers are 64 MB. */
const LONGEST = 4096;

/**
 * Attention patterns of a residue's prompts, read from the engine head by head: a residue itself holds no more than some rows. The run
 * that was traced last is kept in the engine, so that the next head of it is a slice and no run.
 */
export class PatternReader {
  #kept: { key: string; run: RemoteRun } | undefined;
  /** One at a time: the next may find its run already made. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly client: () => Promise<EngineClient>) {}

  /** The pattern of one head, [query, key]; a sentence in its place where it cannot be had. */
  read(shell: Uri, ask: Ask): Promise<Answer> {
    const answer = this.#last.then(() => this.#read(shell, ask));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #read(shell: Uri, { run, layer, head, tokens, model }: Ask): Promise<Answer> {
    const place = { type: 'pattern' as const, run, layer, head };
    try {
      if (tokens.length > LONGEST)
        throw new InputError(`The prompt has ${tokens.length} tokens; whole patterns are shown up to ${LONGEST}.`);
      const ref = await modelOf(shell);
      const client = await this.client();
      const { spec } = await client.open(ref);
      if (spec.nLayers !== model.layers || spec.nHeads !== model.heads)
        throw new InputError(`The shell's model is now another one than that of this residue: run the shell again.`);
      const hook = (l: number): string => `blocks.${l}.attn.hook_pattern`;
      const all = 4 * spec.nLayers * spec.nHeads * tokens.length ** 2 <= KEPT_BYTES;
      const key = JSON.stringify([ref, tokens, all ? null : layer]);
      const make = (): Promise<RemoteRun> =>
        client.run(ref, tokens, { hooks: all ? ['blocks.*.attn.hook_pattern'] : [hook(layer)], logits: 'none' });
      const traced = await this.#run(key, make);
      const { data } = await traced
        .read(hook(layer), { row: 0, slice: [head] })
        // The engine ends when it is idle, and what it kept with it.
        .catch(async (error: unknown) => {
          if (!(error instanceof EngineError)) throw error;
          this.#kept = undefined;
          return (await this.#run(key, make)).read(hook(layer), { row: 0, slice: [head] });
        });
      return { ...place, length: tokens.length, data };
    } catch (error) {
      this.#kept = undefined;
      return { ...place, reason: error instanceof Error ? error.message : String(error) };
    }
  }

  async #run(key: string, make: () => Promise<RemoteRun>): Promise<RemoteRun> {
    if (this.#kept?.key === key) return this.#kept.run;
    const before = this.#kept;
    this.#kept = undefined;
    await before?.run.release().catch(() => undefined);
    const run = await make();
    this.#kept = { key, run };
    return run;
  }
}

/** The model that the shell runs on, as the engine takes it. */
async function modelOf(shell: Uri): Promise<ModelRef> {
  const document = await openShell(shell);
  if (!document) throw new InputError('The shell is no longer there.');
  const { model, threads, provider, memoryBudget } = settings(shell);
  const named = namedModel(document.getText());
  const folder = shell.scheme === 'file' ? dirname(shell.fsPath) : workspace.workspaceFolders?.[0]?.uri.fsPath;
  // A path in a shell starts at the shell's own folder; a bundled model's id has no separator.
  const path = named && folder && !isAbsolute(named) && /[\\/]/.test(named) && !/^~|^planted:/.test(named) ? join(folder, named) : named;
  return { model: path ?? model, settings: { provider, threads, memoryBudget } };
}
