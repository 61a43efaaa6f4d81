import type * as crypto from 'node:crypto';
import { createRequire } from 'node:module';

/** A model as it lay on the disk when something was run on it. */
export interface ModelPrint {
  /** Catalogue id, or the name of its folder or file; empty where it was not looked at (a workspace that is not trusted). */
  id: string;
  /** Absolute. */
  path: string;
  /** Sizes, times and inodes of its files: cheap to take, and different after every write. */
  stamp: string;
  /** Hash over the SHA-256 of each of its files, as a run has found them; null until one has. */
  content: string | null;
}

/** All that a residue depends on: two runs with the same fingerprint leave the same residue but for `created`. */
export interface Fingerprint {
  /** SHA-256 of the shell's text. */
  shell: string;
  /** Base name of the shell's file; the residue and its command name it. */
  file: string | null;
  model: ModelPrint;
  settings: { provider: string; threads: number | null; memoryBudget: number | null; seed: number };
  /** What was asked beyond what the shell says: commands, verification, graph. */
  ask: string;
  /** Version of the product, and stamp of its engine's program. */
  program: string;
}

/** Loaded when something is first hashed: by itself it takes longer than the rest of what activation asks of Node. */
const node = createRequire(import.meta.url);

export const sha256 = (text: string): string =>
  (node('node:crypto') as typeof crypto).createHash('sha256').update(text, 'utf8').digest('hex');

/** Hash of a model's files by their roles, names and SHA-256, in any order of the files. */
export function contentOf(files: readonly { role: string; name: string; sha256: string }[]): string {
  return sha256(
    JSON.stringify(files.map(({ role, name, sha256: hash }) => [role, name, hash]).sort((a, b) => (a.join('\0') < b.join('\0') ? -1 : 1))),
  );
}

/** What a run asks beyond what the shell says. */
interface Asked {
  commands?: readonly number[];
  vary?: readonly Readonly<Record<string, string>>[];
  verify?: true | 'full';
  graph?: true;
}

/** What a run asks, in one spelling: the same for every order of the commands and of the values of `vary`. */
export function askKey({ commands, vary, verify, graph }: Asked): string {
  const dose = (one: Readonly<Record<string, string>>): string => JSON.stringify(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify({
    commands: commands ? [...new Set(commands)].sort((a, b) => a - b) : null,
    vary: vary ? [...new Set(vary.map(dose))].sort() : null,
    verify: verify ?? null,
    graph: graph ?? false,
  });
}

/** Name of the result in the cache, 40 hex digits; null while the content of the model's files is not known. */
export function keyOf({ shell, file, model, settings, ask, program }: Fingerprint): string | null {
  if (model.content === null) return null;
  const { provider, threads, memoryBudget, seed } = settings;
  return sha256(JSON.stringify([shell, file, model.id, model.content, provider, threads, memoryBudget, seed, ask, program])).slice(0, 40);
}

export type Change = 'shell' | 'model' | 'settings' | 'version';

/** What differs between the run that was and one that would be made now; what was asked is not counted. Empty: the result still holds. */
export function changesSince(then: Fingerprint, now: Fingerprint): Change[] {
  const changes: Change[] = [];
  if (then.shell !== now.shell || then.file !== now.file) changes.push('shell');
  if (!sameModel(then.model, now.model)) changes.push('model');
  const keys = ['provider', 'threads', 'memoryBudget', 'seed'] as const;
  if (keys.some((key) => then.settings[key] !== now.settings[key])) changes.push('settings');
  if (then.program !== now.program) changes.push('version');
  return changes;
}

/** By content where it is known of both, else by place and stamp. What was not looked at is taken to be the same. */
function sameModel(a: ModelPrint, b: ModelPrint): boolean {
  if (b.id === '') return true;
  if (a.id !== b.id) return false;
  if (a.content !== null && b.content !== null) return a.content === b.content;
  return a.path === b.path && a.stamp === b.stamp;
}

const words: Record<Change, string> = {
  shell: 'the shell was edited',
  model: 'the model is another',
  settings: 'the settings were changed',
  version: 'another version of the extension made it',
};

/** `the shell was edited and the settings were changed`; empty where nothing changed. */
export function changeWords(changes: readonly Change[]): string {
  const all = changes.map((change) => words[change]);
  return all.length < 2 ? (all[0] ?? '') : `${all.slice(0, -1).join(', ')} and ${all.at(-1)}`;
}
