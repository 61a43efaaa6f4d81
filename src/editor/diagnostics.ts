import { Diagnostic, DiagnosticSeverity, languages, Range, workspace, type Disposable, type TextDocument, type Uri } from 'vscode';
import type { RunSummary } from './results/summary.js';
import type { RunFailure, Runs } from './runs.js';

const source = 'Symbolic Residue';

function diagnostic(range: Range, message: string): Diagnostic {
  const made = new Diagnostic(range, message, DiagnosticSeverity.Error);
  made.source = source;
  return made;
}

/** What the last run of a shell found, gone with the next edit. What is wrong with its text is the language server's to say. */
export function diagnostics(runs: Runs): Disposable {
  const ran = languages.createDiagnosticCollection('symbolic-residue-run');
  const listeners = [
    workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      if (contentChanges.length > 0) ran.delete(document.uri);
    }),
    workspace.onDidCloseTextDocument(({ uri }) => ran.delete(uri)),
    runs.onDidChange((event) => {
      // What a run of all values has found still holds beside one of some.
      if (event.aside && event.type !== 'failed') return;
      if (event.type === 'started') ran.delete(event.uri);
      else if (event.type === 'failed') {
        // What the language server has marked already is not marked twice.
        const marked = new Set(languages.getDiagnostics(event.uri).map(({ message }) => message));
        ran.set(
          event.uri,
          failure(event.uri, event.failure).filter(({ message }) => !marked.has(message)),
        );
      } else if (event.type === 'residue' || event.type === 'cached') ran.set(event.uri, unmet(event.uri, event.summary));
    }),
  ];
  return { dispose: () => [ran, ...listeners].forEach((d) => d.dispose()) };
}

/** An error of the engine at its place in the shell; one about another file (a model's) at `model:`, else at the top. */
function failure(uri: Uri, { message, place }: RunFailure): Diagnostic[] {
  if (!place) return [];
  const document = open(uri);
  if (place.line !== undefined && (place.file === undefined || place.file === uri.fsPath)) {
    const { line, column = 1, endLine = line, endColumn } = place;
    const range = new Range(line - 1, column - 1, endLine - 1, (endColumn ?? column) - 1);
    const shown = range.isEmpty
      ? (document?.getWordRangeAtPosition(range.start) ?? document?.lineAt(Math.min(line, document.lineCount) - 1).range)
      : range;
    return [diagnostic(shown ?? range, message)];
  }
  return [diagnostic(keyLine(document, 'model') ?? keyLine(document, 'shell') ?? new Range(0, 0, 0, 0), message)];
}

/** Expectations of the shell that did not hold, each at its line. */
function unmet(uri: Uri, { expectations }: RunSummary): Diagnostic[] {
  const document = open(uri);
  return expectations.failed.map(({ line, message }) => {
    const text = document && line >= 1 && line <= document.lineCount ? document.lineAt(line - 1) : undefined;
    const range = text
      ? new Range(text.lineNumber, text.firstNonWhitespaceCharacterIndex, text.lineNumber, text.text.trimEnd().length)
      : new Range(Math.max(0, line - 1), 0, Math.max(0, line - 1), 0);
    return diagnostic(range, message);
  });
}

function open(uri: Uri): TextDocument | undefined {
  return workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
}

function keyLine(document: TextDocument | undefined, key: string): Range | undefined {
  for (let i = 0; document && i < document.lineCount; i++) {
    if (document.lineAt(i).text.startsWith(`${key}:`)) return document.lineAt(i).range;
  }
  return undefined;
}
