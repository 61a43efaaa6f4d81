import { dirname } from 'node:path';
import { RelativePattern, Uri, workspace, type Disposable } from 'vscode';
import type { ModelPrint } from './fingerprint.js';

/** Milliseconds for which a print is taken as it is. */
const fresh = 1000;
/** Folders that are watched at once; the one that was asked for longest ago goes. */
const watched = 8;

/** Prints of models, and a word when the files of one that was asked for change. */
export class ModelWatch implements Disposable {
  readonly #prints = new Map<string, { at: number; print: Promise<Omit<ModelPrint, 'content'>> }>();
  readonly #watchers = new Map<string, Disposable>();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly changed: () => void) {}

  /** As `printModel`, at most once a second for one model. */
  async print(named: string, base: string): Promise<Omit<ModelPrint, 'content'>> {
    const key = `${named}|${base}`;
    const known = this.#prints.get(key);
    if (known && Date.now() - known.at < fresh) return known.print;
    const print = import('./model-print.js').then(({ printModel }) => printModel(named, base));
    this.#prints.set(key, { at: Date.now(), print });
    const found = await print;
    this.#watch(found);
    return found;
  }

  /** The next print is taken anew. */
  forget(): void {
    this.#prints.clear();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.dispose();
  }

  #watch({ path }: Omit<ModelPrint, 'content'>): void {
    const folder = /\.(safetensors|gguf|bin)$/.test(path) ? dirname(path) : path;
    const former = this.#watchers.get(folder);
    this.#watchers.delete(folder);
    this.#watchers.set(folder, former ?? this.#watcher(folder));
    const [oldest] = this.#watchers.keys();
    if (this.#watchers.size > watched && oldest !== undefined) {
      this.#watchers.get(oldest)?.dispose();
      this.#watchers.delete(oldest);
    }
  }

  #watcher(folder: string): Disposable {
    const watcher = workspace.createFileSystemWatcher(new RelativePattern(Uri.file(folder), '*'));
    const tell = (): void => {
      this.forget();
      // A file that is being written changes many times.
      clearTimeout(this.#timer);
      this.#timer = setTimeout(this.changed, 300);
    };
    watcher.onDidChange(tell);
    watcher.onDidCreate(tell);
    watcher.onDidDelete(tell);
    return watcher;
  }
}
