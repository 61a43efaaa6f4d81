import { basename } from 'node:path';
import { window, workspace, type TextDocument } from 'vscode';
import { longestSelection, splitSelection } from './selection.js';
import { languageId } from './selector.js';
import { settings } from './settings.js';
import { shellTexts } from './shell-texts.js';
import { mayRun } from './trust.js';

/** Makes an untitled shell of the selected text and runs it. The shell stays open, to be read, edited and saved. */
export async function probeSelection<T>(run: (document: TextDocument) => Promise<T>): Promise<T | undefined> {
  const editor = window.activeTextEditor;
  const selected = editor?.document.getText(editor.selection) ?? '';
  if (!editor || selected.trim() === '') {
    void window.showInformationMessage('Select some text first: its last word is taken as the answer, what is before it as the prompt.');
    return undefined;
  }
  if (!mayRun()) return undefined;
  if (selected.length > longestSelection) {
    void window.showErrorMessage(`The selection has ${selected.length} characters; a probe takes at most ${longestSelection}.`);
    return undefined;
  }
  const words = settings(editor.document.uri).answerWords;
  const probe = splitSelection(selected, words);
  if (!probe) {
    void window.showErrorMessage(
      `The selection needs more than ${words === 1 ? 'one word' : `${words} words`}: the last is the answer, what is before it the prompt.`,
    );
    return undefined;
  }
  const document = await workspace.openTextDocument({
    language: languageId,
    content: shellTexts().probeShell({ ...probe, title: `A selection of ${basename(editor.document.uri.path)}` }),
  });
  await window.showTextDocument(document);
  return run(document);
}
