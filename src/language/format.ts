import type { TextEdit } from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { Findings, readSource } from '../shell/source.js';

/**
 * A formatted text as an edit of the document, or none where it would change what the shell says: a model reads prompts to the character, so
 * every value of the file must be what it was.
 */
export function format(document: TextDocument, formatted: string): TextEdit[] {
  const before = document.getText();
  const eol = before.includes('\r\n') ? '\r\n' : '\n';
  const newText = formatted.replace(/\r?\n/g, eol);
  if (newText === before || !sameValues(before, newText)) return [];
  return [{ range: { start: { line: 0, character: 0 }, end: document.positionAt(before.length) }, newText }];
}

function sameValues(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => readSource(new Findings(text)));
  return one !== null && other !== null && JSON.stringify(one!.value) === JSON.stringify(other!.value);
}
