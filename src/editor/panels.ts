import { commands, Uri, ViewColumn, window, workspace, type Disposable, type WebviewPanel } from 'vscode';
import type { PanelState } from '../residue/messages.js';
import { Panel, type PanelParts } from './panel.js';
import { residueEditorType } from './residue-editor.js';
import { isResidueFile } from './residue-file.js';

export const panelType = 'symbolicResidue.panel';

/** Owns the residue panels: one per shell, beside its editor, restored after a reload of the window. */
export class Panels implements Disposable {
  readonly #panels = new Map<string, Panel>();
  readonly #disposables: Disposable[];

  constructor(private readonly parts: PanelParts) {
    this.#disposables = [
      parts.runs.onDidChange((event) => this.#panels.get(event.uri.toString())?.follow(event)),
      parts.results.onDidChange((shell) => {
        for (const panel of shell ? [this.#panels.get(shell.toString())] : this.#panels.values()) void panel?.standing();
      }),
      workspace.onDidGrantWorkspaceTrust(() => this.#panels.forEach((panel) => panel.trust())),
      window.registerWebviewPanelSerializer(panelType, {
        deserializeWebviewPanel: (view, state: unknown) => {
          const shell = (state as Partial<PanelState> | undefined)?.shellUri;
          if (shell) this.#adopt(Uri.parse(shell), view, false);
          // Reloaded before the page had anything to show: nothing is lost with it.
          else view.dispose();
          return Promise.resolve();
        },
      }),
    ];
  }

  /** Shows a shell's panel beside the active editor and leaves the focus where it is. */
  show(shell: Uri): Panel {
    const existing = this.#panels.get(shell.toString());
    if (existing) {
      if (!existing.view.visible) existing.view.reveal(undefined, true);
      return existing;
    }
    return this.#adopt(shell, window.createWebviewPanel(panelType, '', { viewColumn: ViewColumn.Beside, preserveFocus: true }), true);
  }

  /** The same of a shell or of a residue file, which has an editor of its own; undefined where it could not be opened. */
  async open(uri: Uri): Promise<Panel | undefined> {
    if (!isResidueFile(uri)) return this.show(uri);
    await commands.executeCommand('vscode.openWith', uri, residueEditorType);
    return this.#panels.get(uri.toString());
  }

  /** Fills the editor of a residue file. */
  adoptFile(file: Uri, view: WebviewPanel): Panel {
    return this.#adopt(file, view, true);
  }

  /** The shell of the panel that has the focus. */
  active(): Uri | undefined {
    return [...this.#panels.values()].find((panel) => panel.view.active)?.shell;
  }

  /** Has the panel in front give its address; says so when there is none. */
  copyLink(): void {
    const panel = [...this.#panels.values()].find(({ view }) => view.active);
    if (panel) panel.copyLink();
    else void window.showInformationMessage('Open a residue panel first: the link is to what it shows.');
  }

  dispose(): void {
    for (const disposable of this.#disposables) disposable.dispose();
  }

  #adopt(shell: Uri, view: WebviewPanel, fresh: boolean): Panel {
    const key = shell.toString();
    this.#panels.get(key)?.view.dispose();
    // The editor of a file goes by the file's name.
    if (!isResidueFile(shell)) view.title = `Residue: ${(shell.path.split('/').at(-1) ?? '').replace(/\.shell\.ya?ml$/, '')}`;
    const icons = Uri.joinPath(this.parts.extension.extensionUri, 'media', 'icons');
    view.iconPath = { light: Uri.joinPath(icons, 'shell-light.svg'), dark: Uri.joinPath(icons, 'shell-dark.svg') };
    const panel = new Panel(shell, view, this.parts, fresh);
    this.#panels.set(key, panel);
    view.onDidChangeViewState(() => {
      if (!view.visible) panel.hidden();
    });
    view.onDidDispose(() => {
      if (this.#panels.get(key) === panel) this.#panels.delete(key);
    });
    return panel;
  }
}
