import {
  CodeActionKind,
  CompletionItemKind,
  DiagnosticSeverity,
  InsertTextFormat,
  SymbolKind,
  type CodeAction,
  type CompletionItem,
  type Diagnostic,
  type DocumentHighlight,
  DocumentHighlightKind,
  type DocumentSymbol,
  type FoldingRange,
  type FormattingOptions,
  type Hover,
  type Location,
  type LocationLink,
  type Position,
  type Range,
  type SelectionRange,
  type TextEdit,
  type WorkspaceEdit,
} from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import type { LanguageService } from 'yaml-language-server';
import { COMMANDS } from '../commands/table.js';
import { checkShell } from '../shell/check.js';
import { completions } from '../shell/complete.js';
import type { CompletionKind, NamedModel } from '../shell/complete.js';
import { parseUnfinished } from '../shell/source.js';
import type { Severity } from '../shell/types.js';
import { mergeCompletions } from './completion.js';
import { format } from './format.js';
import { shellHover } from './hover.js';
import { occurrenceAt, occurrences } from './names.js';
import type { Occurrence } from './names.js';
import { definitions } from './navigate.js';
import { outline } from './outline.js';
import type { EntryKind, OutlineEntry } from './outline.js';
import { quickFixes } from './quick-fixes.js';
import { rename, renameTarget } from './rename.js';
import type { Edit } from './rename.js';

export const SOURCE = 'Symbolic Residue';

/** Lists and maps are broken after 140 columns; prose and prompts are never broken. */
const FORMAT = { printWidth: 140, proseWrap: 'preserve', bracketSpacing: true };

/** What a diagnostic of this server carries for its quick fixes. */
interface FixData {
  suggestion?: string;
  missing?: string;
}

const KINDS: Record<CompletionKind, CompletionItemKind> = {
  snippet: CompletionItemKind.Snippet,
  key: CompletionItemKind.Property,
  value: CompletionItemKind.EnumMember,
  command: CompletionItemKind.Function,
  span: CompletionItemKind.Reference,
  name: CompletionItemKind.Variable,
};
const SYMBOLS: Record<EntryKind, SymbolKind> = {
  id: SymbolKind.Class,
  text: SymbolKind.String,
  span: SymbolKind.Key,
  value: SymbolKind.Property,
  list: SymbolKind.Array,
  command: SymbolKind.Function,
  expectation: SymbolKind.Boolean,
};
const SEVERITIES: Record<Severity, DiagnosticSeverity> = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  information: DiagnosticSeverity.Information,
};

/**
 * The language features of shells over a document, in the Language Server Protocol's words. The shell's own parser decides what is wrong and what
 * can stand where; yaml-language-server adds what holds of any YAML: formatting, folding, growing selections, anchors, keys of nested maps.
 */
export class ShellService {
  private service: Promise<LanguageService> | undefined;

  /**
   * @param page Makes a Markdown link to a heading of the methods' documentation.
   * @param models Models that a shell can name by an id.
   */
  constructor(
    private readonly page: (anchor: string) => string = () => '',
    private readonly models?: () => readonly NamedModel[],
  ) {}

  diagnostics(document: TextDocument): Diagnostic[] {
    return checkShell(document.getText()).map(({ line, column, endLine, endColumn, message, severity, suggestion, missing }) => ({
      range: { start: { line: line - 1, character: column - 1 }, end: { line: endLine - 1, character: endColumn - 1 } },
      message,
      severity: SEVERITIES[severity],
      source: SOURCE,
      ...(suggestion !== undefined || missing !== undefined ? { data: { suggestion, missing } satisfies FixData } : {}),
    }));
  }

  async complete(document: TextDocument, position: Position): Promise<CompletionItem[]> {
    const own = completions(document.getText(), document.offsetAt(position), COMMANDS, this.models?.()).map((entry): CompletionItem => {
      const range = rangeOf(document, entry.start, entry.end);
      return {
        label: entry.label,
        kind: KINDS[entry.kind],
        insertTextFormat: InsertTextFormat.Snippet,
        textEdit: { range, newText: entry.insertText },
        // What the range holds already is what is filtered by.
        filterText: entry.label,
        sortText: entry.sortText,
        detail: entry.detail,
        ...(entry.documentation ? { documentation: { kind: 'markdown', value: entry.documentation } } : {}),
      };
    });
    if (own.length === 0 || own.every(({ kind }) => kind !== CompletionItemKind.Property)) return own;
    const { items } = (await this.ofYaml(document, (yaml) => yaml.doComplete(document, position, false))) ?? { items: [] };
    return mergeCompletions(own, items);
  }

  async hover(document: TextDocument, position: Position): Promise<Hover | null> {
    const text = document.getText();
    const offset = document.offsetAt(position);
    const own = shellHover(text, offset);
    if (own !== null) {
      const link = own.page === undefined ? '' : this.page(own.page);
      const value = link === '' ? own.markdown : `${own.markdown}\n\n${link}`;
      return { contents: { kind: 'markdown', value }, range: rangeOf(document, own.start, own.end) };
    }
    return atAnchor(text, offset) ? ((await this.ofYaml(document, (yaml) => yaml.doHover(document, position))) ?? null) : null;
  }

  /** Fixes of the diagnostics that this server gave, and one that applies every change that is sure. */
  codeActions(document: TextDocument, diagnostics: readonly Diagnostic[], only?: readonly string[]): CodeAction[] {
    const text = document.getText();
    const wanted = (kind: string): boolean => only === undefined || only.some((one) => kind === one || kind.startsWith(`${one}.`));
    const fixesOf = (diagnostic: Diagnostic) =>
      quickFixes(text, dataOf(diagnostic), document.offsetAt(diagnostic.range.start), document.offsetAt(diagnostic.range.end));
    const actions: CodeAction[] = [];
    if (wanted(CodeActionKind.QuickFix)) {
      for (const diagnostic of diagnostics) {
        for (const { title, edits, preferred } of fixesOf(diagnostic)) {
          const edit = this.edit(document, edits);
          actions.push({ title, kind: CodeActionKind.QuickFix, diagnostics: [diagnostic], isPreferred: preferred, edit });
        }
      }
    }
    if (only?.some((one) => CodeActionKind.SourceFixAll.startsWith(one))) {
      // Missing keys are not added by themselves: what stands in them is the author's to say.
      const edits = this.diagnostics(document).flatMap((one) =>
        (dataOf(one).missing === undefined ? fixesOf(one) : []).flatMap((fix) => fix.edits),
      );
      if (edits.length > 0) {
        actions.push({
          title: 'Mend every misspelt word',
          kind: CodeActionKind.SourceFixAll,
          edit: this.edit(document, withoutOverlap(edits)),
        });
      }
    }
    return actions;
  }

  symbols(document: TextDocument): DocumentSymbol[] {
    const symbol = ({ name, detail, kind, start, end, nameStart, nameEnd, children }: OutlineEntry): DocumentSymbol => ({
      name,
      detail,
      kind: SYMBOLS[kind],
      range: rangeOf(document, start, end),
      selectionRange: rangeOf(document, nameStart, nameEnd),
      children: children.map(symbol),
    });
    return outline(document.getText()).map(symbol);
  }

  async folding(document: TextDocument): Promise<FoldingRange[]> {
    const found = (await this.ofYaml(document, (yaml) => yaml.getFoldingRanges(document, {}))) ?? [];
    // Lines alone: a range that ends within a line would leave its rest hanging on the first.
    return found.filter(({ startLine, endLine }) => endLine > startLine).map(({ startLine, endLine }) => ({ startLine, endLine }));
  }

  async format(document: TextDocument, { tabSize }: Pick<FormattingOptions, 'tabSize'>): Promise<TextEdit[]> {
    const edits = (await this.ofYaml(document, (yaml) => yaml.doFormat(document, { ...FORMAT, ...{ tabWidth: tabSize } }))) ?? [];
    return edits.length === 1 ? format(document, edits[0]!.newText) : [];
  }

  async formatOnType(document: TextDocument, position: Position, ch: string, options: FormattingOptions): Promise<TextEdit[]> {
    const params = { textDocument: { uri: document.uri }, position, ch, options };
    return (await this.ofYaml(document, (yaml) => yaml.doDocumentOnTypeFormatting(document, params))) ?? [];
  }

  async selectionRanges(document: TextDocument, positions: Position[]): Promise<SelectionRange[]> {
    return (await this.ofYaml(document, (yaml) => yaml.getSelectionRanges(document, positions))) ?? [];
  }

  /** The range that a rename at this place replaces, or null where nothing can be renamed. */
  async prepareRename(document: TextDocument, position: Position): Promise<{ range: Range; placeholder: string } | null> {
    const target = renameTarget(document.getText(), document.offsetAt(position));
    if (target) return { range: rangeOf(document, target.start, target.end), placeholder: target.name };
    if (!atAnchor(document.getText(), document.offsetAt(position))) return null;
    const range = await this.ofYaml(document, (yaml) => yaml.prepareRename(document, { textDocument: { uri: document.uri }, position }));
    return range ? { range, placeholder: document.getText(range) } : null;
  }

  /** Throws InputError for a name that cannot be given. */
  async rename(document: TextDocument, position: Position, newName: string): Promise<WorkspaceEdit | null> {
    const text = document.getText();
    const offset = document.offsetAt(position);
    if (renameTarget(text, offset) === null && atAnchor(text, offset)) {
      const params = { textDocument: { uri: document.uri }, position, newName };
      return (await this.ofYaml(document, (yaml) => yaml.doRename(document, params))) ?? null;
    }
    return this.edit(document, rename(text, offset, newName));
  }

  async definition(document: TextDocument, position: Position): Promise<LocationLink[]> {
    const all = occurrences(document.getText());
    const offset = document.offsetAt(position);
    const here = occurrenceAt(all, offset);
    if (here) {
      return definitions(all, here).map((one) => ({
        originSelectionRange: rangeOf(document, here.start, here.end),
        targetUri: document.uri,
        targetRange: rangeOf(document, one.whole.start, one.whole.end),
        targetSelectionRange: rangeOf(document, one.start, one.end),
      }));
    }
    if (!atAnchor(document.getText(), offset)) return [];
    return (await this.ofYaml(document, (yaml) => yaml.doDefinition(document, { textDocument: { uri: document.uri }, position }))) ?? [];
  }

  references(document: TextDocument, position: Position, declaration: boolean): Location[] {
    return this.same(document, position)
      .filter(({ role }) => declaration || role === 'use')
      .map(({ start, end }) => ({ uri: document.uri, range: rangeOf(document, start, end) }));
  }

  highlights(document: TextDocument, position: Position): DocumentHighlight[] {
    return this.same(document, position).map(({ start, end, role }) => ({
      range: rangeOf(document, start, end),
      kind: role === 'definition' ? DocumentHighlightKind.Write : DocumentHighlightKind.Read,
    }));
  }

  private same(document: TextDocument, position: Position): Occurrence[] {
    const all = occurrences(document.getText());
    const here = occurrenceAt(all, document.offsetAt(position));
    return here === undefined ? [] : all.filter(({ kind, name }) => kind === here.kind && name === here.name);
  }

  private edit(document: TextDocument, edits: readonly Edit[]): WorkspaceEdit {
    return { changes: { [document.uri]: edits.map(({ start, end, newText }) => ({ range: rangeOf(document, start, end), newText })) } };
  }

  /** Asks the YAML service, unless the text is one that no YAML parser should be let near; a fault of it costs its answer alone. */
  private async ofYaml<T>(document: TextDocument, ask: (service: LanguageService) => T | Promise<T>): Promise<T | null> {
    if (parseUnfinished(document.getText()) === null) return null;
    try {
      // Its schemas of schemas are compiled when it is loaded, which the first hover need not wait for.
      this.service ??= import('./yaml-service.js').then(({ yamlService }) => yamlService());
      return await ask(await this.service);
    } catch {
      return null;
    }
  }
}

function rangeOf(document: TextDocument, start: number, end: number): Range {
  return { start: document.positionAt(start), end: document.positionAt(end) };
}

function dataOf({ data }: Diagnostic): FixData {
  if (typeof data !== 'object' || data === null) return {};
  const { suggestion, missing } = data as Record<string, unknown>;
  return {
    ...(typeof suggestion === 'string' ? { suggestion } : {}),
    ...(typeof missing === 'string' ? { missing } : {}),
  };
}

function withoutOverlap(edits: readonly Edit[]): Edit[] {
  const sorted = [...edits].sort((a, b) => a.start - b.start);
  return sorted.filter(({ start }, i) => i === 0 || start >= sorted[i - 1]!.end);
}

/** On a YAML anchor or alias: `&name`, `*name`. */
function atAnchor(text: string, offset: number): boolean {
  const before = /[^\s,[\]{}]*$/.exec(text.slice(Math.max(0, offset - 200), offset))![0];
  return /^[&*]/.test(before + text.slice(offset, offset + 1));
}
