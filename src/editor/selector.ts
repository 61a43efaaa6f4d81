import type { DocumentSelector, TextDocument, Uri } from 'vscode';

export const languageId = 'residue-shell';

/** Files and unsaved texts; what else shows a shell (a diff's old side, a search result) is not one to run. */
const schemes = ['file', 'untitled'];

/** By pattern too, so that features survive a user's own file association for YAML. */
export const shellSelector: DocumentSelector = schemes.flatMap((scheme) => [
  { language: languageId, scheme },
  { pattern: '**/*.shell.{yaml,yml}', scheme },
]);

const fileName = /\.shell\.ya?ml$/;

export function isShellUri(uri: Uri): boolean {
  return schemes.includes(uri.scheme) && fileName.test(uri.path);
}

export function isShell(document: TextDocument): boolean {
  return isShellUri(document.uri) || (document.languageId === languageId && schemes.includes(document.uri.scheme));
}
