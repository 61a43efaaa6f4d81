import { basename } from 'node:path';
import { StatusBarAlignment, window, workspace, type Disposable, type TextDocument } from 'vscode';
import { namedModel } from './named-model.js';
import { isShell } from './selector.js';
import { section, settings } from './settings.js';

/** Status bar item: the model that the active shell runs on. A click chooses another. */
export function modelStatus(): Disposable {
  const item = window.createStatusBarItem('symbolicResidue.model', StatusBarAlignment.Right, 100);
  item.name = 'Symbolic Residue: Model';
  const update = (): void => {
    const document = shellInView();
    if (!document) return item.hide();
    const named = namedModel(document.getText());
    const model = named ?? settings(document.uri).model;
    item.text = `$(circuit-board) ${basename(model)}`;
    item.tooltip = named
      ? `${model}: the model that this shell names. The setting ${section}.model is for shells that name none.`
      : `${model}: the model that shells run on when they name none. Click to choose another.`;
    item.command = 'symbolicResidue.chooseModel';
    item.accessibilityInformation = { label: `Model of the shell: ${basename(model)}`, role: 'button' };
    item.show();
  };
  const listeners = [
    window.onDidChangeVisibleTextEditors(update),
    window.onDidChangeActiveTextEditor(update),
    workspace.onDidChangeTextDocument(({ document }) => {
      if (isShell(document)) update();
    }),
    workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration(section)) update();
    }),
  ];
  update();
  return { dispose: () => [item, ...listeners].forEach((d) => d.dispose()) };
}

/** The active shell, or the first one in view (while the panel beside it has the focus). */
export function shellInView(): TextDocument | undefined {
  const active = window.activeTextEditor?.document;
  if (active) return isShell(active) ? active : undefined;
  return window.visibleTextEditors.map((editor) => editor.document).find(isShell);
}
