import {
  CodeAction,
  CodeActionKind,
  CompletionItem,
  CompletionItemKind,
  Hover,
  languages,
  MarkdownString,
  Range,
  SnippetString,
  WorkspaceEdit,
  type Disposable,
  type TextDocument,
} from 'vscode';
import type { CompletionKind } from '../shell/complete.js';
import { ShellDiagnostic } from './diagnostics.js';
import { shellSelector } from './selector.js';

const kinds: Record<CompletionKind, CompletionItemKind> = {
  snippet: CompletionItemKind.Snippet,
  key: CompletionItemKind.Property,
  value: CompletionItemKind.EnumMember,
  command: CompletionItemKind.Function,
  span: CompletionItemKind.Reference,
  name: CompletionItemKind.Variable,
};

const rangeOf = (document: TextDocument, start: number, end: number): Range =>
  new Range(document.positionAt(start), document.positionAt(end));

/** Completion, hovers and quick fixes of shells: what src/shell knows, in VS Code's words. */
export function languageFeatures(): Disposable {
  const features = [
    languages.registerCompletionItemProvider(
      shellSelector,
      {
        provideCompletionItems: async (document, position) => {
          const { completions } = await import('../shell/complete.js');
          return completions(document.getText(), document.offsetAt(position)).map((entry) => {
            const item = new CompletionItem(entry.label, kinds[entry.kind]);
            item.insertText = new SnippetString(entry.insertText);
            item.range = rangeOf(document, entry.start, entry.end);
            item.sortText = entry.sortText;
            item.detail = entry.detail;
            if (entry.documentation) item.documentation = new MarkdownString(entry.documentation);
            return item;
          });
        },
      },
      ...['-', ' ', ':', '{', '[', '|'],
    ),
    languages.registerHoverProvider(shellSelector, {
      provideHover: async (document, position) => {
        const { hoverAt } = await import('../shell/complete.js');
        const hover = hoverAt(document.getText(), document.offsetAt(position));
        return hover && new Hover(new MarkdownString(hover.markdown), rangeOf(document, hover.start, hover.end));
      },
    }),
    languages.registerCodeActionsProvider(
      shellSelector,
      {
        provideCodeActions: (document, _range, { diagnostics }) =>
          diagnostics.flatMap((diagnostic) => {
            if (!(diagnostic instanceof ShellDiagnostic) || diagnostic.suggestion === undefined) return [];
            const action = new CodeAction(`Change to ${diagnostic.suggestion}`, CodeActionKind.QuickFix);
            action.edit = new WorkspaceEdit();
            action.edit.replace(document.uri, diagnostic.range, diagnostic.suggestion);
            action.diagnostics = [diagnostic];
            action.isPreferred = true;
            return [action];
          }),
      },
      { providedCodeActionKinds: [CodeActionKind.QuickFix] },
    ),
  ];
  return { dispose: () => features.forEach((feature) => feature.dispose()) };
}
