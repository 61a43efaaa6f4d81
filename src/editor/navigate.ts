import { commands, Position, Range, Selection, TextEditorRevealType, Uri, ViewColumn, window, workspace, type TextDocument } from 'vscode';

/** The document of a shell, opened if need be; says so and resolves with undefined when it is gone. */
export async function openShell(shell: Uri): Promise<TextDocument | undefined> {
  try {
    // Opening an untitled text that is gone would make a new, empty one.
    const known = workspace.textDocuments.find((document) => document.uri.toString() === shell.toString());
    if (known || shell.scheme !== 'untitled') return known ?? (await workspace.openTextDocument(shell));
    throw new Error('closed');
  } catch {
    void window.showErrorMessage(`${shell.path.split('/').at(-1)} is no longer there: open or write a shell and run it again.`);
    return undefined;
  }
}

/** Shows a place of a shell in its editor (beside the panel, not over it). `line` and `column` count from 1. */
export async function revealInShell(shell: Uri, line: number, column: number): Promise<void> {
  const document = await openShell(shell);
  if (!document) return;
  const shown = window.visibleTextEditors.find((editor) => editor.document === document);
  const editor = await window.showTextDocument(document, { viewColumn: shown?.viewColumn ?? ViewColumn.One });
  const at = document.validatePosition(new Position(Math.max(0, line - 1), Math.max(0, column - 1)));
  editor.selection = new Selection(at, at);
  editor.revealRange(new Range(at, at), TextEditorRevealType.InCenterIfOutsideViewport);
}

/** Opens the page that defines every measure, at a heading when one is named. */
export async function openMethods(extension: Uri, anchor = ''): Promise<void> {
  const page = Uri.joinPath(extension, 'docs', 'methods.md');
  try {
    await commands.executeCommand('markdown.showPreview', anchor ? page.with({ fragment: anchor }) : page);
  } catch {
    // The built-in Markdown extension can be disabled: the text itself still reads well.
    await window.showTextDocument(page, { preview: true });
  }
}
