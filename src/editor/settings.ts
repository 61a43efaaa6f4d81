import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { workspace, type Uri } from 'vscode';

export const section = 'symbolicResidue';

export interface Settings {
  /** A catalogue id, or an absolute path of a model folder or file. */
  model: string;
  /** Undefined: the engine chooses. */
  threads: number | undefined;
  provider: string;
  /** Bytes; undefined: the engine chooses. */
  memoryBudget: number | undefined;
  seed: number;
  answerWords: number;
  /** What is shown of tokens in a shell's text. */
  tokenHints: 'off' | 'counts' | 'all';
}

/** The settings as they hold for a file. What a hand-edited settings.json gets wrong falls back to the default. */
export function settings(uri?: Uri): Settings {
  const all = workspace.getConfiguration(section, uri);
  const integer = (key: string, least: number, most: number, fallback: number): number => {
    const value = all.get<unknown>(key);
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most ? value : fallback;
  };
  const text = (key: string, fallback: string): string => {
    const value = all.get<unknown>(key);
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : fallback;
  };
  return {
    model: resolveModel(text('model', 'pocket'), uri),
    threads: integer('threads', 0, 256, 0) || undefined,
    provider: text('executionProvider', 'cpu'),
    memoryBudget: integer('memoryBudget', 0, 2 ** 30, 0) * 2 ** 20 || undefined,
    seed: integer('seed', 0, Number.MAX_SAFE_INTEGER, 0),
    answerWords: integer('probe.answerWords', 1, 8, 1),
    tokenHints: (['off', 'counts'] as const).find((value) => value === all.get('tokenHints')) ?? 'all',
  };
}

/** What may be the id of a model of the Hub: `OWNER/NAME`, perhaps with a revision or a file. */
const hubId = /^[A-Za-z0-9][\w.-]*\/[\w.-]+(@[^\\]*|:[^\\/]*)?$/;

/**
 * A relative path (anything with a separator, or a dot in front) starts at the workspace folder of the file. The id of a model of
 * the Hub is no path, unless the workspace has a folder by that name.
 */
function resolveModel(model: string, uri?: Uri): string {
  if (isAbsolute(model) || !/[\\/]|^\./.test(model)) return model;
  const folder = (uri && workspace.getWorkspaceFolder(uri)) ?? workspace.workspaceFolders?.[0];
  if (!folder) return model;
  const path = join(folder.uri.fsPath, model);
  return hubId.test(model) && !existsSync(path) ? model : path;
}
