import { basename } from 'node:path';
import { FileSystemError, workspace, type Uri } from 'vscode';
import { InputError } from '../errors.js';
import { isResidue } from '../residue/guards.js';

/** Largest residue file that is opened, bytes: what the engine takes as one text. */
const largest = 64 * 1024 * 1024;

/** Whether a panel shows this file itself, and not the residue of a shell. */
export const isResidueFile = (uri: Uri): boolean => uri.path.endsWith('.json');

/** The text of a residue file, or in one sentence why it cannot be shown. */
export type ReadFile = { text: string } | { problem: string };

/** Reads a residue file, checked: whatever it holds, nothing is thrown. */
export async function readResidueFile(uri: Uri): Promise<ReadFile> {
  const name = basename(uri.path);
  const refuse = (why: string): ReadFile => ({ problem: `${name}: ${why}` });
  let bytes: Uint8Array;
  try {
    const { size } = await workspace.fs.stat(uri);
    if (size > largest) return refuse(`the file has ${size.toLocaleString('en-US')} bytes; the panel opens residues up to 64 MiB.`);
    bytes = await workspace.fs.readFile(uri);
  } catch (error) {
    const gone = error instanceof FileSystemError && error.code === 'FileNotFound';
    return refuse(gone ? 'the file is not there.' : 'the file cannot be read.');
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const value = JSON.parse(text) as unknown;
    const why = await problemOf(value);
    return why === null ? { text } : refuse(why);
  } catch (error) {
    if (error instanceof SyntaxError) return refuse('it is not JSON, so it is not a residue.');
    return refuse(error instanceof TypeError ? 'it is not UTF-8 text, so it is not a residue.' : 'it is not a residue.');
  }
}

/** What keeps a value from being shown; null: nothing. A residue of another version may have sections more or less. */
async function problemOf(value: unknown): Promise<string | null> {
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format !== 1) return `it has format ${format}; this version of the extension reads format 1.`;
  const { checkResidue, inconsistency } = await import('../residue/read.js');
  if (isResidue(value)) return inconsistency(value);
  try {
    checkResidue(value);
  } catch (error) {
    if (error instanceof InputError) return `it is not a residue: ${error.message}`;
  }
  return 'it is not a residue; `residue run --out` and “Save Residue As…” write one.';
}
