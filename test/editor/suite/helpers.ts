import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { commands, languages, type CodeLens, type Diagnostic, Position, Range, Uri, window, workspace, type TextDocument } from 'vscode';
import type { Residue } from '../../../src/residue/types.js';
import { cpuTime, processorTime } from '../../helpers/cpu-time.js';

export const extensionId = 'symbolic-residue.symbolic-residue';

/** The repository. */
export const root = process.env.RESIDUE_ROOT ?? '';

export function folder(): string {
  const path = workspace.workspaceFolders?.[0]?.uri.fsPath;
  assert(path, 'No folder is open.');
  return path;
}

/** Writes a file into the workspace and shows it. */
export async function openText(name: string, text: string): Promise<TextDocument> {
  const path = join(folder(), name);
  writeFileSync(path, text);
  const document = await workspace.openTextDocument(Uri.file(path));
  await window.showTextDocument(document);
  return document;
}

/** A copy of a bundled shell in the workspace, shown. */
export async function openBundled(name: string): Promise<TextDocument> {
  copyFileSync(join(root, 'shells', name), join(folder(), name));
  const document = await workspace.openTextDocument(Uri.file(join(folder(), name)));
  await window.showTextDocument(document);
  return document;
}

/** Lets an edit replace the whole text. */
export async function setText(document: TextDocument, text: string): Promise<void> {
  const editor = await window.showTextDocument(document);
  const all = new Range(new Position(0, 0), document.lineAt(document.lineCount - 1).range.end);
  assert(await editor.edit((edit) => edit.replace(all, text)));
}

/** Waits until `check` gives something else than undefined or false. */
export async function until<T>(what: string, check: () => T | undefined | false | Promise<T | undefined | false>, ms = 60_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`Waited ${ms} ms for ${what}.`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** What the language server finds wrong with a text: a mistake is put in, and taken out again once it was found. */
export async function findings(document: TextDocument): Promise<readonly Diagnostic[]> {
  const text = document.getText();
  await setText(document, `${text}\nno-such-key: 1\n`);
  const found = (): boolean => languages.getDiagnostics(document.uri).some(({ message }) => message.includes('no-such-key'));
  await until('a mistake to be found', found);
  await setText(document, text);
  await until('what was found to be taken back', () => !found());
  return languages.getDiagnostics(document.uri);
}

/** Process ids of engines that this extension host has started. */
export function enginePids(): number[] {
  if (process.platform === 'win32') {
    const query = `Get-CimInstance Win32_Process -Filter "ParentProcessId=${process.pid}" | Where-Object CommandLine -like '*engine.cjs*' | ForEach-Object ProcessId`;
    return execFileSync('powershell', ['-NoProfile', '-Command', query], { encoding: 'utf8' }).split(/\s+/).filter(Boolean).map(Number);
  }
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match && Number(match[2]) === process.pid && match[3]?.includes('engine.cjs'))
    .map((match) => Number(match?.[1]));
}

export async function closeEditors(): Promise<void> {
  await commands.executeCommand('workbench.action.closeAllEditors');
}

/** Line and column (from 0) of a text's first occurrence. */
export function find(document: TextDocument, text: string): Position {
  const at = document.getText().indexOf(text);
  assert(at >= 0, `${JSON.stringify(text)} is not in the document.`);
  return document.positionAt(at);
}

/** Milliseconds that the work of `slowness` takes on a machine on which a limit in milliseconds means what it says. */
const USUAL = 20;

/**
 * How many times slower than usual this machine is just now, at least 1: by the processor time of reading and running a thousand functions.
 * A busy machine shares caches and cores, so that the same work takes more of a processor's time.
 */
export function slowness(): number {
  const functions = Array.from(
    { length: 1000 },
    (_, i) =>
      `function f${i}(a, b) { const c = [a, b, ${i}].map((x) => x * ${i + 1}); return { c, s: \`\${a}\${b}\`, g: (d) => d + c.length }; }`,
  );
  const calls = functions.map((_, i) => `n += f${i}(${i}, n).c.length;`);
  const script = `(() => { ${functions.join('\n')}\nlet n = 0; ${calls.join('')} return n; })()`;
  return Math.max(1, cpuTime(() => new Script(script).runInThisContext()) / USUAL);
}

/** Watches the event loop; `longest` gives the most milliseconds of processor time between two of its turns. */
export function watchEventLoop(): { longest(): number } {
  let last = processorTime();
  let most = 0;
  const timer = setInterval(() => {
    const now = processorTime();
    most = Math.max(most, now - last);
    last = now;
  }, 2);
  return {
    longest: () => {
      clearInterval(timer);
      return most;
    },
  };
}

/** Watches what is parsed as JSON in this process; `longest` gives the most characters of one text, and ends it. */
export function watchParsing(): { longest(): number } {
  const { parse } = JSON;
  let most = 0;
  JSON.parse = (text: string, ...rest: []) => {
    most = Math.max(most, text.length);
    return parse(text, ...rest) as unknown;
  };
  return {
    longest: () => {
      JSON.parse = parse;
      return most;
    },
  };
}

/** Waits until the shell's run is under way: its lens then offers to cancel it. */
export async function untilRunning(document: TextDocument): Promise<void> {
  await until('the run to start', async () => {
    const lenses = await commands.executeCommand<CodeLens[]>('vscode.executeCodeLensProvider', document.uri);
    return lenses.some(({ command }) => command?.command === 'symbolicResidue.cancel');
  });
}

/** The residue that a command which runs something leaves; undefined where it leaves none. */
export async function residueOf(command: string, ...args: unknown[]): Promise<Residue | undefined> {
  const left = await commands.executeCommand<{ json: string } | undefined>(`symbolicResidue.${command}`, ...args);
  return left && (JSON.parse(left.json) as Residue);
}
