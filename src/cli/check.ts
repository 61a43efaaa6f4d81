import { InputError } from '../errors.js';
import { printable } from '../residue/report/text.js';
import type { ShellFinding } from '../residue/sarif.js';
import { parseShell } from '../shell/parse.js';
import type { Diagnostic, Shell } from '../shell/types.js';
import { expandFiles, readShell } from './files.js';
import { EXIT, sentenceOf } from './session.js';

/** What checking a file found. `text` is null when it cannot be run. */
export interface Checked {
  file: string;
  text: string | null;
  /** Null where `text` is. */
  shell: Shell | null;
  /** What is wrong with it or doubtful in it, with its range; a file that cannot be read has one without. */
  findings: ShellFinding[];
  /** `file:line:column: sentence`; warnings and informations say so. */
  lines: string[];
}

function lineOf(file: string, { severity, message, line, column }: Diagnostic): string {
  return printable(`${file}:${line}:${column}: ${severity === 'error' ? '' : `${severity}: `}${message}`);
}

/** Reads and checks one shell file; no model is opened. */
export function diagnose(file: string): Checked {
  let text: string;
  try {
    text = readShell(file);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { file, text: null, shell: null, findings: [{ severity: 'error', message: error.message }], lines: [sentenceOf(error)] };
  }
  const { shell, diagnostics } = parseShell(text);
  return { file, text: shell ? text : null, shell, findings: diagnostics, lines: diagnostics.map((d) => lineOf(file, d)) };
}

/** `residue check FILES…`: the schema only, no model. Returns the exit code: 0 when every file can be run, 2 otherwise. */
export function checkCommand(args: readonly string[]): number {
  let good = 0;
  let bad = 0;
  const files: string[] = [];
  for (const arg of args) {
    try {
      files.push(...expandFiles([arg]));
    } catch (error) {
      process.stderr.write(`${sentenceOf(error)}\n`);
      bad += 1;
    }
  }
  for (const { file, text, lines } of expandFiles(files).map(diagnose)) {
    for (const line of lines) process.stderr.write(`${line}\n`);
    if (text === null) bad += 1;
    else {
      good += 1;
      process.stdout.write(`${printable(file)}: ok\n`);
    }
  }
  if (good + bad > 1) process.stdout.write(`${good} ok, ${bad} with errors\n`);
  return bad > 0 ? EXIT.badInput : EXIT.ok;
}
