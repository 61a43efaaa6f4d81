/** Entry of dist/language-server.cjs: the process behind completion, hovers, findings and the rest of what an editor asks about a shell. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createConnection,
  ErrorCodes,
  InlayHintKind,
  ProposedFeatures,
  ResponseError,
  TextDocuments,
  TextDocumentSyncKind,
  type InitializeResult,
  type InlayHint,
} from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { InputError } from '../errors.js';
import { bundledModels, ownModels } from '../model/catalog.js';
import { PLANTED_KINDS } from '../planted/kinds.js';
import type { NamedModel } from '../shell/complete.js';
import { HINT_SETTINGS, HINTS_CHANGED, readHintSettings, readOptions } from './protocol.js';
import { ShellService } from './service.js';
import { TokenThread } from './tokens-client.js';

/** Milliseconds after the last keystroke. */
const PAUSE = 250;

const connection = createConnection(ProposedFeatures.all);
const documents = new TextDocuments(TextDocument);
let service = new ShellService(undefined, namedModels);
const tokens = new TokenThread(join(dirname(fileURLToPath(import.meta.url)), 'language-tokens.cjs'), (line) =>
  connection.console.info(line),
);

connection.onInitialize(({ initializationOptions }): InitializeResult => {
  if (readOptions(initializationOptions).methodLinks) {
    service = new ShellService(
      (anchor) =>
        `[Method](command:symbolicResidue.openMethods?${encodeURIComponent(JSON.stringify([anchor]))} "Open its section of the methods")`,
      namedModels,
    );
  }
  return {
    capabilities: {
      textDocumentSync: TextDocumentSyncKind.Incremental,
      completionProvider: { triggerCharacters: ['-', ' ', ':', '{', '[', '|'] },
      hoverProvider: true,
      codeActionProvider: { codeActionKinds: ['quickfix', 'source.fixAll'] },
      documentSymbolProvider: true,
      foldingRangeProvider: true,
      selectionRangeProvider: true,
      documentFormattingProvider: true,
      documentOnTypeFormattingProvider: { firstTriggerCharacter: '\n' },
      renameProvider: { prepareProvider: true },
      definitionProvider: true,
      referencesProvider: true,
      documentHighlightProvider: true,
      inlayHintProvider: true,
    },
  };
});

/** The open document of a request, or an answer of nothing. */
function on<P extends { textDocument: { uri: string } }, R>(nothing: R, answer: (document: TextDocument, params: P) => R | Promise<R>) {
  return (params: P): R | Promise<R> => {
    const document = documents.get(params.textDocument.uri);
    return document ? answer(document, params) : nothing;
  };
}

connection.onCompletion(on([], (document, { position }) => service.complete(document, position)));
connection.onHover(on(null, (document, { position }) => service.hover(document, position)));
connection.onCodeAction(on([], (document, { context }) => service.codeActions(document, context.diagnostics, context.only)));
connection.onDocumentSymbol(on([], (document) => service.symbols(document)));
connection.onFoldingRanges(on([], (document) => service.folding(document)));
connection.onSelectionRanges(on([], (document, { positions }) => service.selectionRanges(document, positions)));
connection.onDocumentFormatting(on([], (document, { options }) => service.format(document, options)));
connection.onDocumentOnTypeFormatting(
  on([], (document, { position, ch, options }) => service.formatOnType(document, position, ch, options)),
);
connection.onDefinition(on([], (document, { position }) => service.definition(document, position)));
connection.onReferences(on([], (document, { position, context }) => service.references(document, position, context.includeDeclaration)));
connection.onDocumentHighlight(on([], (document, { position }) => service.highlights(document, position)));
connection.onPrepareRename(on(null, (document, { position }) => service.prepareRename(document, position)));
connection.onRenameRequest(
  on(null, async (document, { position, newName }) => {
    try {
      return await service.rename(document, position, newName);
    } catch (error) {
      // The editor shows this sentence where the new name was written.
      throw error instanceof InputError ? new ResponseError(ErrorCodes.InvalidParams, error.message) : error;
    }
  }),
);

connection.languages.inlayHint.on(
  on([], async (document, { range }): Promise<InlayHint[]> => {
    const { show, model, folder, trusted } = readHintSettings(await connection.sendRequest(HINT_SETTINGS, { uri: document.uri }));
    if (show === 'off') return [];
    const { version } = document;
    const found = await tokens.ask({ text: document.getText(), defaultModel: model, folder, trusted, boundaries: show === 'all' });
    // Places in a text that is gone mean nothing; the editor asks again after each change.
    if (document.version !== version) return [];
    const [from, to] = [document.offsetAt(range.start), document.offsetAt(range.end)];
    return found
      .filter(({ offset }) => offset >= from && offset <= to)
      .map(({ kind, offset, label, tooltip }) => ({
        position: document.positionAt(offset),
        label,
        kind: InlayHintKind.Type,
        ...(tooltip ? { tooltip: { kind: 'markdown' as const, value: tooltip } } : {}),
        paddingLeft: kind !== 'boundary',
      }));
  }),
);
connection.onNotification(HINTS_CHANGED, () => connection.languages.inlayHint.refresh());

/** Ids alone: no model is opened to list them. */
function namedModels(): NamedModel[] {
  const shelf = (): NamedModel[] => {
    try {
      return ownModels().map(({ id }) => ({ id, detail: 'Downloaded or added' }));
    } catch {
      return [];
    }
  };
  return [
    ...bundledModels().map(({ id }) => ({ id, detail: 'Comes with the extension' })),
    ...shelf(),
    ...PLANTED_KINDS.map((kind) => ({ id: `planted:${kind}`, detail: 'A planted failure' })),
  ];
}

const timers = new Map<string, NodeJS.Timeout>();

function checkLater({ uri }: TextDocument, delay: number): void {
  clearTimeout(timers.get(uri));
  timers.set(
    uri,
    setTimeout(() => {
      timers.delete(uri);
      const document = documents.get(uri);
      if (document) void connection.sendDiagnostics({ uri, version: document.version, diagnostics: service.diagnostics(document) });
    }, delay),
  );
}

documents.onDidOpen(({ document }) => checkLater(document, 0));
documents.onDidChangeContent(({ document }) => checkLater(document, document.version === 1 ? 0 : PAUSE));
documents.onDidClose(({ document: { uri } }) => {
  clearTimeout(timers.get(uri));
  timers.delete(uri);
  void connection.sendDiagnostics({ uri, diagnostics: [] });
});

documents.listen(connection);
connection.listen();
