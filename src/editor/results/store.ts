import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256, type Fingerprint } from './fingerprint.js';
import type { RunSummary } from './summary.js';

/** A run of a shell, as its history keeps it. */
export interface RunEntry {
  /** `created` of its residue: ISO 8601. */
  at: string;
  seconds: number | null;
  /** Name under which its residue is kept, for as long as there is room. */
  key: string;
  print: Fingerprint;
  summary: RunSummary;
}

/** One shell's history, oldest first. */
export interface ShellHistory {
  /** URI of the shell. */
  shell: string;
  entries: RunEntry[];
}

interface Log {
  warn(line: string): void;
}

/** Runs kept of one shell; the oldest go first. */
export const ENTRIES = 100;
/** Shells whose history is kept. */
const SHELLS = 500;
/** Models whose content is remembered by the stamp of their files. */
const MODELS = 100;

/**
 * Residues by what they depend on, and each shell's history, in one folder that this store alone writes. Residues take up to
 * `room` bytes; the least recently used go first. What cannot be read counts as not there, and the log says so.
 */
export class ResultStore {
  /** Texts read or written last, so that a panel does not read a file twice. */
  readonly #texts = new Map<string, string>();
  readonly #histories = new Map<string, ShellHistory>();
  #models: Map<string, string> | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly folder: string,
    private readonly room: () => number,
    private readonly log: Log,
    /** Whether a text is a residue that can be shown. */
    private readonly holds: (json: string) => Promise<boolean>,
  ) {}

  /** JSON text of a kept residue; undefined where there is none. Reading counts as use. */
  async text(key: string): Promise<string | undefined> {
    const known = this.#texts.get(key);
    const file = this.#residue(key);
    if (known !== undefined) {
      this.#remember(key, known);
      const now = new Date();
      await utimes(file, now, now).catch(() => undefined);
      return known;
    }
    try {
      const json = await readFile(file, 'utf8');
      if (!(await this.holds(json))) throw new Error('it is not a residue of this version');
      const now = new Date();
      await utimes(file, now, now);
      this.#remember(key, json);
      return json;
    } catch (error) {
      if (missing(error)) return undefined;
      this.log.warn(`A kept residue (${key}) was not used: ${String(error)}`);
      await rm(file, { force: true }).catch(() => undefined);
      return undefined;
    }
  }

  /** Whether a residue is kept, without reading it. */
  async has(key: string): Promise<boolean> {
    return (
      this.#texts.has(key) ||
      (await stat(this.#residue(key)).then(
        () => true,
        () => false,
      ))
    );
  }

  /** What is known of a shell's runs, oldest first. */
  async history(shell: string): Promise<readonly RunEntry[]> {
    return (this.#histories.get(shell) ?? (await this.#read(shell))).entries;
  }

  /** Adds a run, and its residue where one is given. Seen by `history` and `text` at once; written in order. */
  async record(shell: string, entry: RunEntry, json?: string): Promise<void> {
    if (json !== undefined) this.#remember(entry.key, json);
    const known = this.#histories.get(shell) ?? { shell, entries: [] };
    known.entries = bounded([...known.entries, entry]);
    this.#histories.set(shell, known);
    await this.#write(`The residue of ${shell}`, async () => {
      if (json !== undefined && this.room() > 0) {
        await mkdir(join(this.folder, 'residues'), { recursive: true });
        await replace(this.#residue(entry.key), json);
        await this.#evict();
      }
      // Another window may have written since: nothing of it is lost.
      const former = await this.#load(shell);
      known.entries = bounded([...(former?.entries ?? []), ...known.entries]);
      await this.#save(known);
      await this.#evictHistories();
    });
  }

  /** Takes one run out of a shell's history. Its residue goes where no other run has the same. */
  async remove(shell: string, { at, key }: Pick<RunEntry, 'at' | 'key'>): Promise<void> {
    const known = this.#histories.get(shell) ?? (await this.#read(shell));
    known.entries = known.entries.filter((entry) => entry.at !== at || entry.key !== key);
    await this.#write(`The history of ${shell}`, async () => {
      await this.#save(known);
      if (known.entries.some((entry) => entry.key === key)) return;
      this.#texts.delete(key);
      await rm(this.#residue(key), { force: true });
    });
  }

  /** Every shell that has a history, the latest run first. */
  async shells(): Promise<ShellHistory[]> {
    const names = await readdir(join(this.folder, 'history')).catch(() => []);
    for (const name of names) {
      const read = await this.#parse(join(this.folder, 'history', name));
      if (read && !this.#histories.has(read.shell)) this.#histories.set(read.shell, read);
    }
    const last = ({ entries }: ShellHistory): string => entries.at(-1)?.at ?? '';
    return [...this.#histories.values()].filter(({ entries }) => entries.length > 0).sort((a, b) => (last(a) < last(b) ? 1 : -1));
  }

  /** Removes every kept residue, and with `history` what is known of every run. */
  async clear(history: boolean): Promise<void> {
    this.#texts.clear();
    if (history) this.#histories.clear();
    await this.#write('What is kept of runs', async () => {
      await rm(join(this.folder, 'residues'), { recursive: true, force: true });
      if (history) await rm(join(this.folder, 'history'), { recursive: true, force: true });
    });
  }

  /** Hash of a model's content where a run has found it for these files, else null. */
  async content(path: string, stamp: string): Promise<string | null> {
    const models = await this.#known();
    return models.get(`${path}|${stamp}`) ?? null;
  }

  /** Remembers what a run found. */
  async learn(path: string, stamp: string, content: string): Promise<void> {
    const models = await this.#known();
    const name = `${path}|${stamp}`;
    if (models.get(name) === content) return;
    models.delete(name);
    models.set(name, content);
    for (const oldest of models.keys()) {
      if (models.size <= MODELS) break;
      models.delete(oldest);
    }
    await this.#write('What is known of models', async () => {
      await mkdir(this.folder, { recursive: true });
      await replace(join(this.folder, 'models.json'), JSON.stringify([...models]));
    });
  }

  /** Resolves when all that was to be written is. */
  async settled(): Promise<void> {
    await this.#queue;
  }

  async #known(): Promise<Map<string, string>> {
    if (this.#models) return this.#models;
    let pairs: unknown;
    try {
      pairs = JSON.parse(await readFile(join(this.folder, 'models.json'), 'utf8'));
    } catch {
      pairs = [];
    }
    const good = Array.isArray(pairs) ? pairs.filter((pair) => Array.isArray(pair) && pair.every((one) => typeof one === 'string')) : [];
    return (this.#models ??= new Map(good as [string, string][]));
  }

  #residue(key: string): string {
    return join(this.folder, 'residues', `${key}.residue.json`);
  }

  #history(shell: string): string {
    return join(this.folder, 'history', `${sha256(shell).slice(0, 32)}.json`);
  }

  #remember(key: string, json: string): void {
    this.#texts.delete(key);
    this.#texts.set(key, json);
    const [oldest] = this.#texts.keys();
    if (this.#texts.size > 8 && oldest !== undefined) this.#texts.delete(oldest);
  }

  async #read(shell: string): Promise<ShellHistory> {
    const read = (await this.#load(shell)) ?? { shell, entries: [] };
    // A run may have been added while the file was read.
    const newer = this.#histories.get(shell);
    if (newer) return newer;
    this.#histories.set(shell, read);
    return read;
  }

  async #load(shell: string): Promise<ShellHistory | undefined> {
    const read = await this.#parse(this.#history(shell));
    return read?.shell === shell ? read : undefined;
  }

  async #parse(file: string): Promise<ShellHistory | undefined> {
    try {
      const value = JSON.parse(await readFile(file, 'utf8')) as unknown;
      if (!isHistory(value)) throw new Error('it is no history of this version');
      return value;
    } catch (error) {
      if (!missing(error)) this.log.warn(`A history (${file}) was not used: ${String(error)}`);
      return undefined;
    }
  }

  async #save(history: ShellHistory): Promise<void> {
    await mkdir(join(this.folder, 'history'), { recursive: true });
    await replace(this.#history(history.shell), JSON.stringify(history));
  }

  async #evict(): Promise<void> {
    const aged = await this.#aged('residues');
    let bytes = 0;
    for (const [i, { path, size }] of aged.entries()) {
      bytes += size;
      // The latest stays however large it is.
      if (bytes > this.room() && i > 0) await rm(path, { force: true });
    }
  }

  async #evictHistories(): Promise<void> {
    for (const { path } of (await this.#aged('history')).slice(SHELLS)) await rm(path, { force: true });
  }

  /** Files of a folder of the store, the most recently used first. */
  async #aged(folder: string): Promise<{ path: string; size: number; at: number }[]> {
    const names = await readdir(join(this.folder, folder));
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(this.folder, folder, name);
        const found = await stat(path).catch(() => null);
        return { path, size: found?.size ?? 0, at: found?.mtimeMs ?? 0 };
      }),
    );
    return files.sort((a, b) => b.at - a.at);
  }

  /** One write at a time; a disk that fails is told to the log, and what is in memory goes on. */
  #write(what: string, work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(work).catch((error: unknown) => this.log.warn(`${what} could not be kept: ${String(error)}`));
    this.#queue = done;
    return done;
  }
}

const missing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** Each run once, oldest first, the last `ENTRIES`. */
function bounded(entries: readonly RunEntry[]): RunEntry[] {
  const once = new Map(entries.map((entry) => [`${entry.at}|${entry.key}`, entry]));
  return [...once.values()].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).slice(-ENTRIES);
}

async function replace(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.part`;
  await writeFile(draft, text);
  await rename(draft, file);
}

function isHistory(value: unknown): value is ShellHistory {
  const { shell, entries } = (value ?? {}) as Partial<ShellHistory>;
  return (
    typeof shell === 'string' &&
    Array.isArray(entries) &&
    entries.every(
      (entry: Partial<RunEntry> | null) =>
        typeof entry?.at === 'string' &&
        typeof entry.key === 'string' &&
        typeof entry.print?.model?.id === 'string' &&
        typeof entry.print.settings?.seed === 'number' &&
        typeof entry.summary?.outcome === 'string' &&
        Array.isArray(entry.summary.commands) &&
        Array.isArray(entry.summary.expectations?.failed),
    )
  );
}
