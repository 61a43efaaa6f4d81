/** Entry of dist/language-tokens.cjs: a thread of the language server that opens tokenizers, so that a large one holds nothing up. */
import { statSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { InputError } from '../errors.js';
import { bundledModels } from '../model/catalog.js';
import { loadModel } from '../model/load.js';
import { resolveAnyModel } from '../planted/catalog.js';
import { parseShell } from '../shell/parse.js';
import { tokenHints } from './token-hints.js';
import type { HintModel } from './token-hints.js';
import type { TokenReply, TokenRequest } from './tokens-protocol.js';

/** Tokenizers kept open, by path and the time of its last change; the oldest goes first. */
const MOST_OPEN = 2;
const open = new Map<string, HintModel>();

async function modelAt(id: string, path: string): Promise<HintModel> {
  const key = `${path}\0${statSync(path).mtimeMs}`;
  const known = open.get(key);
  if (known) return known;
  const { tokenizer, spec, close } = await loadModel(path, { id });
  // The weights' files were looked at and are not needed.
  close();
  const model = { id, tokenizer, context: spec.context, vocabSize: spec.vocabSize };
  open.set(key, model);
  for (const oldest of [...open.keys()].slice(0, Math.max(0, open.size - MOST_OPEN))) open.delete(oldest);
  return model;
}

async function answer({ id, text, defaultModel, folder, trusted, boundaries }: TokenRequest): Promise<TokenReply> {
  const { draft } = parseShell(text);
  if (draft === null) return { id, hints: [] };
  const name = draft.model ?? defaultModel;
  const ours = name.startsWith('planted:') || bundledModels().some((model) => model.id === name);
  if (!trusted && !ours) return { id, hints: [], note: `The tokenizer of ${name} is not opened in Restricted Mode.` };
  try {
    const place = resolveAnyModel(name, folder);
    return { id, hints: tokenHints(text, await modelAt(place.id, place.path), boundaries) };
  } catch (error) {
    // A model that is not there is told when the shell is run.
    if (error instanceof InputError) return { id, hints: [], note: error.message };
    throw error;
  }
}

parentPort?.on('message', (request: TokenRequest) => {
  answer(request).then(
    (reply) => parentPort?.postMessage(reply),
    (error: unknown) => parentPort?.postMessage({ id: request.id, hints: [], note: String(error) } satisfies TokenReply),
  );
});
