import {
  EventEmitter,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  TreeItem,
  TreeItemCollapsibleState,
  window,
  workspace,
  type Disposable,
  type TreeDataProvider,
  type TreeView,
} from 'vscode';
import type { HubClient } from '../../hub/client.js';
import type { ModelRow, Shelf } from '../../hub/protocol.js';
import { settings } from '../settings.js';
import type { Downloads } from './downloads.js';
import { downloadLine, factLines, modelLine, type DownloadView, type Line, type Look } from './rows.js';
import { weightFiles, workspaceModels } from './workspace.js';

export const viewId = 'symbolicResidue.models';

export type ModelNode =
  | { kind: 'group'; id: string; label: string; icon: string; children: ModelNode[]; closed?: true }
  | { kind: 'model'; row: ModelRow }
  | { kind: 'download'; download: DownloadView }
  | { kind: 'fact'; id: string; label: string; value: string; icon: string }
  | { kind: 'hint'; id: string; label: string; command: string; icon: string };

/** Milliseconds between two looks at a download that another window runs. */
const LOOK = 2000;

/**
 * The Models view. It lists what is on this machine and opens each model once, in the thread that looks after models, while the view
 * is in sight; it never uses the network.
 */
export class ModelsView implements TreeDataProvider<ModelNode>, Disposable {
  readonly #changes = new EventEmitter<ModelNode | undefined>();
  readonly onDidChangeTreeData = this.#changes.event;
  readonly #looks = new Map<string, Look>();
  readonly #nodes = new Map<string, ModelNode>();
  readonly #own: Disposable[];
  readonly tree: TreeView<ModelNode>;
  #shelf: Promise<{ shelf: Shelf; workspace: ModelRow[] }> | undefined;
  #looking = false;
  #queue: ModelRow[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly hub: () => HubClient,
    private readonly downloads: Downloads,
    private readonly onFault: (error: unknown) => void,
  ) {
    this.tree = window.createTreeView(viewId, { treeDataProvider: this, showCollapseAll: false });
    const watcher = workspace.createFileSystemWatcher(weightFiles);
    const again = (): void => this.#soon(500);
    this.#own = [
      this.tree,
      watcher,
      this.#changes,
      watcher.onDidCreate(again),
      watcher.onDidDelete(again),
      watcher.onDidChange(again),
      workspace.onDidGrantWorkspaceTrust(() => this.refresh()),
      workspace.onDidChangeWorkspaceFolders(() => this.refresh()),
      this.tree.onDidChangeVisibility(({ visible }) => visible && this.refresh()),
      downloads.onDidChange((id) => this.#downloadChanged(id)),
      workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration('symbolicResidue')) this.refresh();
      }),
    ];
    this.#tellTrust();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const one of this.#own) one.dispose();
  }

  /** Looks again at what is on the machine. */
  refresh(): void {
    this.#shelf = undefined;
    this.#tellTrust();
    this.#changes.fire(undefined);
  }

  /** A model is looked at anew, by what it lies at. */
  forget(path: string): void {
    this.#looks.delete(path);
  }

  getTreeItem(node: ModelNode): TreeItem {
    switch (node.kind) {
      case 'group': {
        const item = new TreeItem(node.label, node.closed ? TreeItemCollapsibleState.Collapsed : TreeItemCollapsibleState.Expanded);
        item.id = node.id;
        item.contextValue = node.id;
        item.iconPath = new ThemeIcon(node.icon);
        return item;
      }
      case 'model': {
        const { row } = node;
        const item = itemOf(modelLine(row, this.#looks.get(row.path), this.#inUse(row)), TreeItemCollapsibleState.Collapsed);
        item.id = `${row.origin} ${row.path}`;
        return item;
      }
      case 'download': {
        const item = itemOf(downloadLine(node.download), TreeItemCollapsibleState.None);
        item.id = `download ${node.download.id}`;
        return item;
      }
      case 'fact': {
        const item = new TreeItem(node.label, TreeItemCollapsibleState.None);
        item.id = node.id;
        item.description = node.value;
        item.tooltip = `${node.label}: ${node.value}`;
        item.iconPath = new ThemeIcon(node.icon);
        item.contextValue = 'fact';
        item.accessibilityInformation = { label: `${node.label}: ${node.value}` };
        return item;
      }
      case 'hint': {
        const item = new TreeItem(node.label, TreeItemCollapsibleState.None);
        item.id = node.id;
        item.iconPath = new ThemeIcon(node.icon);
        item.command = { command: node.command, title: node.label };
        return item;
      }
    }
  }

  async getChildren(node?: ModelNode): Promise<ModelNode[]> {
    if (!node) return this.#groups();
    if (node.kind === 'group') return node.children;
    if (node.kind !== 'model') return [];
    const { row } = node;
    return factLines(row, this.#looks.get(row.path)).map((fact, i) => ({ kind: 'fact', id: `${row.path} ${i} ${fact.label}`, ...fact }));
  }

  async #groups(): Promise<ModelNode[]> {
    this.#shelf ??= this.#load();
    let found: { shelf: Shelf; workspace: ModelRow[] };
    try {
      found = await this.#shelf;
    } catch (error) {
      this.#shelf = undefined;
      this.onFault(error);
      this.tree.message = `The models cannot be listed: ${error instanceof Error ? error.message : String(error)}`;
      return [];
    }
    const { shelf, workspace: inWorkspace } = found;
    this.#nodes.clear();
    const rows = [...shelf.models, ...inWorkspace];
    const models = (origin: ModelRow['origin']): ModelNode[] =>
      rows.filter((row) => row.origin === origin).map((row) => this.#node(row.path, { kind: 'model', row }));
    const views = this.downloads.views(shelf.downloads);
    const downloads = views.map((download) => this.#node(`download ${download.id}`, { kind: 'download', download }));
    if (views.some(({ busy, running }) => busy && !running)) this.#soon(LOOK);
    const bundled = rows.filter(({ origin, id }) => origin === 'bundled' && !id.includes('@'));
    const steps = rows.filter(({ origin, id }) => origin === 'bundled' && id.includes('@'));
    const checkpoints: ModelNode[] = steps.length
      ? [
          group(
            'checkpoints',
            'Checkpoints of the training',
            'history',
            steps.map((row) => this.#node(row.path, { kind: 'model', row })),
            true,
          ),
        ]
      : [];
    const downloaded = [...downloads, ...models('downloaded')];
    const hint = (id: string, label: string, command: string, icon: string): ModelNode => ({
      kind: 'hint',
      id,
      label,
      command: `symbolicResidue.${command}`,
      icon,
    });
    void this.#look(rows);
    return [
      group(
        'downloaded',
        'Downloaded',
        'cloud',
        downloaded.length
          ? downloaded
          : [hint('no download', 'Download a model from the Hugging Face Hub…', 'models.download', 'cloud-download')],
      ),
      ...(inWorkspace.length ? [group('workspace', 'In this workspace', 'root-folder', models('workspace'))] : []),
      group('added', 'Added from disk', 'folder-library', [
        ...models('added'),
        ...(models('added').length ? [] : [hint('no model added', 'Add a folder or a GGUF file…', 'models.add', 'add')]),
      ]),
      group('bundled', 'Bundled', 'package', [...bundled.map((row) => this.#node(row.path, { kind: 'model', row })), ...checkpoints]),
    ];
  }

  async #load(): Promise<{ shelf: Shelf; workspace: ModelRow[] }> {
    const [shelf, found] = await Promise.all([this.hub().call('shelf', {}), workspaceModels()]);
    const known = new Set(shelf.models.map(({ path }) => path));
    return { shelf, workspace: found.filter(({ path }) => !known.has(path)) };
  }

  #node(key: string, node: ModelNode): ModelNode {
    this.#nodes.set(key, node);
    return node;
  }

  /** Opens one model after the other, so that the list is there at once and fills in. */
  async #look(rows: readonly ModelRow[]): Promise<void> {
    this.#queue = [...rows];
    if (this.#looking || !this.tree.visible) return;
    this.#looking = true;
    try {
      for (let row = this.#queue.shift(); row; row = this.#queue.shift()) {
        const { path } = row;
        const before = this.#looks.get(path);
        const look = await this.hub().call('inspect', { path });
        if (JSON.stringify(before) === JSON.stringify(look)) continue;
        this.#looks.set(path, look);
        const node = this.#nodes.get(path);
        if (node) this.#changes.fire(node);
      }
    } catch (error) {
      this.onFault(error);
    } finally {
      this.#looking = false;
    }
  }

  #inUse({ id, path }: ModelRow): boolean {
    const { model } = settings();
    return model === path || model.toLowerCase() === id.toLowerCase();
  }

  #downloadChanged(id: string): void {
    const node = this.#nodes.get(`download ${id}`);
    if (node?.kind !== 'download' || !this.downloads.isRunning(id)) return this.refresh();
    const [view] = this.downloads.views([node.download]);
    if (!view) return;
    node.download = view;
    this.#changes.fire(node);
  }

  #soon(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.tree.visible && this.refresh(), milliseconds);
  }

  #tellTrust(): void {
    this.tree.message = workspace.isTrusted ? undefined : 'Restricted Mode: models of this workspace are neither listed nor opened.';
  }
}

function group(id: string, label: string, icon: string, children: ModelNode[], closed?: true): ModelNode {
  return { kind: 'group', id, label, icon, children, ...(closed ? { closed } : {}) };
}

function itemOf(line: Line, state: TreeItemCollapsibleState): TreeItem {
  const item = new TreeItem(line.label, state);
  item.description = line.description;
  item.iconPath = new ThemeIcon(line.icon, line.color ? new ThemeColor(line.color) : undefined);
  const tooltip = new MarkdownString();
  line.tooltip.forEach((text, i) => tooltip.appendText(`${i > 0 ? '\n\n' : ''}${text}`));
  item.tooltip = tooltip;
  item.contextValue = line.context;
  item.accessibilityInformation = { label: line.spoken };
  return item;
}
