/**
 * What the language server and the editor say to one another beyond the Language Server Protocol, in one place. Both sides are of one
 * version; what comes in is checked all the same.
 */

/** Editor → server, at the start (`initializationOptions`). */
export interface ServerOptions {
  /** Whether hovers may link to the methods' documentation by the editor's command. */
  methodLinks: boolean;
}

export function readOptions(options: unknown): ServerOptions {
  return { methodLinks: (options as Partial<ServerOptions> | null | undefined)?.methodLinks === true };
}

/** Server → editor: how a document's hints are made now. Parameters: `{ uri }`. */
export const HINT_SETTINGS = 'residue/hintSettings';

export interface HintSettings {
  /** `off`, the lengths of prompts and the tokens of answers, or the boundaries between tokens too. */
  show: 'off' | 'counts' | 'all';
  /** The model of shells that name none. */
  model: string;
  /** Where a relative path of a model starts. */
  folder: string;
  /** Models of any path may be opened. */
  trusted: boolean;
}

/** Editor → server: what hints depend on has changed. */
export const HINTS_CHANGED = 'residue/hintsChanged';

const off: HintSettings = { show: 'off', model: '', folder: '', trusted: false };

export function readHintSettings(answer: unknown): HintSettings {
  if (typeof answer !== 'object' || answer === null) return off;
  const { show, model, folder, trusted } = answer as Record<string, unknown>;
  if ((show !== 'counts' && show !== 'all') || typeof model !== 'string' || typeof folder !== 'string') return off;
  return { show, model, folder, trusted: trusted === true };
}
