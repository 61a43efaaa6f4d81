import type { Uri } from 'vscode';
import {
  Position,
  Range,
  RelativePattern,
  workspace,
  type CancellationToken,
  type TestController,
  type TestItem,
  type TestItemCollection,
} from 'vscode';
import { residues } from '../residues/thread.js';
import type { Results } from '../results.js';
import { isShellUri } from '../selector.js';
import type { ShellTests, Spot, TestNode } from './tree.js';

/** Shells that are listed; a workspace with more says so. */
const most = 10_000;

/** What an item stands for. */
export interface Meaning {
  shell: Uri;
  /** Null for the shell itself. */
  node: TestNode | null;
}

/** The Test Explorer's items, one per shell, with what is below them once it was read. */
export class ShellItems {
  readonly #meanings = new WeakMap<TestItem, Meaning>();
  /** Time of the run that each shell's outcomes are of; taken out when they are marked as stale. */
  readonly #told = new Map<string, string>();

  constructor(private readonly controller: TestController) {}

  /** Lists the shells of the workspace, and reads those that are open. */
  async discover(token?: CancellationToken): Promise<void> {
    const found: Uri[] = [];
    for (const folder of workspace.workspaceFolders ?? []) {
      const pattern = new RelativePattern(folder, '**/*.shell.{yaml,yml}');
      found.push(...(await workspace.findFiles(pattern, '**/node_modules/**', most - found.length + 1, token)));
      if (token?.isCancellationRequested) return;
    }
    const known = new Set(found.map((uri) => uri.toString()));
    for (const [id, item] of this.controller.items) {
      if (!known.has(id) && item.uri?.scheme === 'file') this.controller.items.delete(id);
    }
    for (const uri of found.slice(0, most)) this.#item(uri);
    if (found.length > most) {
      const more = this.controller.createTestItem('more', `More than ${most} shells`);
      more.error = `Only the first ${most} shells of this workspace are listed; open a smaller folder to see the others.`;
      this.controller.items.add(more);
    }
    await Promise.all(workspace.textDocuments.filter(({ uri }) => isShellUri(uri)).map(({ uri }) => this.update(uri)));
  }

  /** A file that has come. It is listed, not read. */
  add(uri: Uri): void {
    if (listed(uri)) this.#item(uri);
  }

  /** A file that has gone, or a folder with all that was in it. */
  remove(uri: Uri): void {
    const folder = `${uri.path}/`;
    for (const [id, item] of this.controller.items) {
      if (id === uri.toString() || item.uri?.path.startsWith(folder)) this.controller.items.delete(id);
    }
  }

  /** Reads a shell that is in the tree already, or open. */
  async update(uri: Uri): Promise<void> {
    if (listed(uri)) await this.resolve(this.#item(uri));
  }

  /** Reads what is below an item. */
  async resolve(item: TestItem): Promise<void> {
    const meaning = this.#meanings.get(item);
    if (!meaning || meaning.node) return;
    const text = await textOf(meaning.shell);
    if (text === undefined) {
      item.error = 'The file cannot be read, or it is no text of at most 1 MiB.';
      item.children.replace([]);
      return;
    }
    try {
      this.#fill(item, meaning.shell, await residues.ask('tests', { text }));
    } catch (error) {
      item.error = error instanceof Error ? error.message : String(error);
    }
  }

  meaning(item: TestItem): Meaning | undefined {
    return this.#meanings.get(item);
  }

  /** Marks outcomes that no longer hold: of one shell, or of all that have any. */
  async invalidate(results: Results, uri?: Uri): Promise<void> {
    for (const [id, at] of [...this.#told]) {
      const item = this.controller.items.get(id);
      if (!item?.uri || (uri && id !== uri.toString()) || !(await results.outdated(item.uri, at))) continue;
      if (this.#told.get(id) !== at) continue;
      this.#told.delete(id);
      this.controller.invalidateTestResults(item);
    }
  }

  /** The outcomes of a shell are now those of the run of this time. */
  told(shell: Uri, at: string): void {
    this.#told.set(shell.toString(), at);
  }

  #item(uri: Uri): TestItem {
    const id = uri.toString();
    const known = this.controller.items.get(id);
    if (known) return known;
    const path = workspace.asRelativePath(uri);
    const item = this.controller.createTestItem(id, path.split('/').at(-1) ?? path, uri);
    item.description = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : undefined;
    item.sortText = path;
    item.canResolveChildren = true;
    this.#meanings.set(item, { shell: uri, node: null });
    this.controller.items.add(item);
    return item;
  }

  #fill(item: TestItem, shell: Uri, { label, title, spot, error, children }: ShellTests): void {
    const path = workspace.asRelativePath(shell);
    item.label = label ?? path.split('/').at(-1) ?? path;
    item.description = label === null ? undefined : title;
    item.range = rangeOf(spot);
    item.error = error ?? undefined;
    this.#replace(item.children, children, shell, item.id);
  }

  /** Items that are there already are kept, with their outcomes. */
  #replace(into: TestItemCollection, nodes: readonly TestNode[], shell: Uri, parent: string): void {
    into.replace(
      nodes.map((node, i) => {
        const id = `${parent}#${node.id}`;
        const known = into.get(id);
        const item = known ?? this.controller.createTestItem(id, node.label, shell);
        item.label = node.label;
        item.range = rangeOf(node.spot);
        item.sortText = String(i).padStart(5, '0');
        this.#meanings.set(item, { shell, node });
        this.#replace(item.children, node.children, shell, id);
        return item;
      }),
    );
  }
}

/** In the workspace and not in a package of it. */
function listed(uri: Uri): boolean {
  if (uri.scheme === 'untitled') return false;
  return isShellUri(uri) && workspace.getWorkspaceFolder(uri) !== undefined && !uri.path.includes('/node_modules/');
}

function rangeOf(spot: Spot | null): Range | undefined {
  return spot ? new Range(new Position(spot.line - 1, spot.column - 1), new Position(spot.endLine - 1, spot.endColumn - 1)) : undefined;
}

/** The text as its editor has it, else as the file does. */
async function textOf(uri: Uri): Promise<string | undefined> {
  const open = workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  if (open) return open.getText();
  try {
    if ((await workspace.fs.stat(uri)).size > 1 << 20) return undefined;
    return new TextDecoder('utf-8', { fatal: true }).decode(await workspace.fs.readFile(uri));
  } catch {
    return undefined;
  }
}
