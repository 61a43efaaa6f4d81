import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogOutputChannel, Uri } from 'vscode';
import { isResidue } from '../residue/guards.js';
import type { Residue } from '../residue/types.js';

/** Residues kept per workspace; the oldest go first. */
const kept = 50;

/** The last residue of each shell, on disk, so that a reloaded window shows it without running anything. */
export class ResidueStore {
  readonly #recent = new Map<string, string>();

  constructor(
    /** Folder that this store alone writes. */
    private readonly folder: string,
    private readonly log: LogOutputChannel,
  ) {}

  /** The last residue of a shell, or undefined. */
  async get(shell: Uri): Promise<Residue | undefined> {
    const json = await this.text(shell);
    return json === undefined ? undefined : (JSON.parse(json) as Residue);
  }

  /** The same as JSON text. A file that cannot be read or is not a residue counts as none. */
  async text(shell: Uri): Promise<string | undefined> {
    const recent = this.#recent.get(shell.toString());
    if (recent) return recent;
    try {
      const json = await readFile(this.#file(shell), 'utf8');
      if (!isResidue(JSON.parse(json))) throw new Error('it is not a residue of this version');
      // A run may have ended while the file was read: what it left is newer.
      const newer = this.#recent.get(shell.toString());
      if (newer) return newer;
      this.#remember(shell, json);
      return json;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.log.warn(`The kept residue of ${shell.path} was not used: ${String(error)}`);
      return undefined;
    }
  }

  async set(shell: Uri, json: string): Promise<void> {
    this.#remember(shell, json);
    try {
      await mkdir(this.folder, { recursive: true });
      const file = this.#file(shell);
      const draft = `${file}.${process.pid}.part`;
      await writeFile(draft, json);
      await rename(draft, file);
      await this.#prune();
    } catch (error) {
      this.log.warn(`The residue of ${shell.path} could not be kept: ${String(error)}`);
    }
  }

  #remember(shell: Uri, json: string): void {
    this.#recent.delete(shell.toString());
    this.#recent.set(shell.toString(), json);
    const [oldest] = this.#recent.keys();
    if (this.#recent.size > 8 && oldest !== undefined) this.#recent.delete(oldest);
  }

  #file(shell: Uri): string {
    return join(this.folder, `${createHash('sha256').update(shell.toString()).digest('hex').slice(0, 32)}.residue.json`);
  }

  async #prune(): Promise<void> {
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.residue.json'));
    if (names.length <= kept) return;
    const aged = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(this.folder, name))).mtimeMs })));
    aged.sort((a, b) => b.at - a.at);
    await Promise.all(aged.slice(kept).map(({ name }) => rm(join(this.folder, name), { force: true })));
  }
}
