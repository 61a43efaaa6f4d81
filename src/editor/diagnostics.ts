import {
  Diagnostic,
  DiagnosticSeverity,
  languages,
  Range,
  workspace,
  type Disposable,
  type DiagnosticCollection,
  type TextDocument,
  type Uri,
} from 'vscode';
import type { Residue } from '../residue/types.js';
import type { Diagnostic as Finding } from '../shell/types.js';
import type { RunFailure, Runs } from './runs.js';
import { isShell } from './selector.js';

/** Milliseconds after the last keystroke. */
const pause = 250;

const severities: Record<Finding['severity'], DiagnosticSeverity> = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  information: DiagnosticSeverity.Information,
};

/** A diagnostic that knows its quick fix. */
export class ShellDiagnostic extends Diagnostic {
  constructor(
    range: Range,
    message: string,
    severity: DiagnosticSeverity,
    /** Replacement of the range. */
    readonly suggestion?: string,
  ) {
    super(range, message, severity);
    this.source = 'Symbolic Residue';
  }
}

/** Problems of open shells: what the checker finds as one types, and what the last run found (gone with the next edit). */
export function diagnostics(runs: Runs): Disposable {
  const written = languages.createDiagnosticCollection('symbolic-residue');
  const ran = languages.createDiagnosticCollection('symbolic-residue-run');
  const timers = new Map<string, NodeJS.Timeout>();
  const later = (document: TextDocument, delay: number): void => {
    if (!isShell(document)) return;
    const key = document.uri.toString();
    clearTimeout(timers.get(key));
    timers.set(
      key,
      setTimeout(() => {
        timers.delete(key);
        void check(document, written);
      }, delay),
    );
  };
  const forget = (document: TextDocument): void => {
    clearTimeout(timers.get(document.uri.toString()));
    timers.delete(document.uri.toString());
    written.delete(document.uri);
    ran.delete(document.uri);
  };
  const listeners = [
    workspace.onDidOpenTextDocument((document) => later(document, 0)),
    workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
      if (contentChanges.length > 0) ran.delete(document.uri);
      later(document, pause);
    }),
    workspace.onDidCloseTextDocument(forget),
    runs.onDidChange((event) => {
      if (event.type === 'started') ran.delete(event.uri);
      else if (event.type === 'failed') {
        // What the checker has marked already is not marked twice.
        const marked = new Set(written.get(event.uri)?.map(({ message }) => message));
        ran.set(
          event.uri,
          failure(event.uri, event.failure).filter(({ message }) => !marked.has(message)),
        );
      } else if (event.type === 'residue' || event.type === 'cached') ran.set(event.uri, unmet(event.uri, event.residue));
    }),
  ];
  for (const document of workspace.textDocuments) later(document, 0);
  return {
    dispose: () => {
      for (const timer of timers.values()) clearTimeout(timer);
      [written, ran, ...listeners].forEach((d) => d.dispose());
    },
  };
}

async function check(document: TextDocument, collection: DiagnosticCollection): Promise<void> {
  const { checkShell } = await import('../shell/check.js');
  if (document.isClosed) return;
  const found = checkShell(document.getText());
  collection.set(
    document.uri,
    found.map(
      ({ line, column, endLine, endColumn, message, severity, suggestion }) =>
        new ShellDiagnostic(new Range(line - 1, column - 1, endLine - 1, endColumn - 1), message, severities[severity], suggestion),
    ),
  );
}

/** An error of the engine at its place in the shell; one about another file (a model's) at `model:`, else at the top. */
function failure(uri: Uri, { message, place }: RunFailure): ShellDiagnostic[] {
  if (!place) return [];
  const document = open(uri);
  if (place.line !== undefined && (place.file === undefined || place.file === uri.fsPath)) {
    const { line, column = 1, endLine = line, endColumn } = place;
    const range = new Range(line - 1, column - 1, endLine - 1, (endColumn ?? column) - 1);
    const shown = range.isEmpty
      ? (document?.getWordRangeAtPosition(range.start) ?? document?.lineAt(Math.min(line, document.lineCount) - 1).range)
      : range;
    return [new ShellDiagnostic(shown ?? range, message, DiagnosticSeverity.Error)];
  }
  return [
    new ShellDiagnostic(
      keyLine(document, 'model') ?? keyLine(document, 'shell') ?? new Range(0, 0, 0, 0),
      message,
      DiagnosticSeverity.Error,
    ),
  ];
}

/** Expectations of the shell that did not hold, each at its line. */
function unmet(uri: Uri, residue: Residue): ShellDiagnostic[] {
  const document = open(uri);
  return residue.expectations
    .filter(({ passed }) => !passed)
    .map(({ line, message }) => {
      const text = document && line >= 1 && line <= document.lineCount ? document.lineAt(line - 1) : undefined;
      const range = text
        ? new Range(text.lineNumber, text.firstNonWhitespaceCharacterIndex, text.lineNumber, text.text.trimEnd().length)
        : new Range(Math.max(0, line - 1), 0, Math.max(0, line - 1), 0);
      return new ShellDiagnostic(range, message, DiagnosticSeverity.Error);
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
