import type { DocumentSelector, TextDocument, Uri } from 'vscode';

export const languageId = 'residue-shell';

/** By pattern too, so that features survive a user's own file association for YAML. */
export const shellSelector: DocumentSelector = [{ language: languageId }, { pattern: '**/*.shell.{yaml,yml}' }];

const fileName = /\.shell\.ya?ml$/;

export function isShellUri(uri: Uri): boolean {
  return fileName.test(uri.path);
}

export function isShell(document: TextDocument): boolean {
  return document.languageId === languageId || isShellUri(document.uri);
}
