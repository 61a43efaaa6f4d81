import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as vscodeOniguruma from 'vscode-oniguruma';
import type * as vscodeTextmate from 'vscode-textmate';
import {
  commands,
  CompletionItemKind,
  ConfigurationTarget,
  env,
  languages,
  Position,
  Range,
  workspace,
  WorkspaceEdit,
  type CodeAction,
  type CompletionList,
  type DocumentSymbol,
  type FoldingRange,
  type Hover,
  type InlayHint,
  type Location,
  type LocationLink,
  type TextDocument,
  type TextEdit,
} from 'vscode';
import { closeEditors, find, findings, openBundled, openText, root, until } from './helpers.js';
import { shellText } from '../../helpers/shell-text.js';

const text = shellText({ id: 'authored', times: [0, 1], control: true, run: ['ANCHOR: { span: fact }', 'INHIBIT: { span: fact }'] });

/** Asks until the language server, which starts with the first shell, has an answer. */
async function ask<T extends { length: number }>(command: string, ...args: unknown[]): Promise<T> {
  return until(command, async () => {
    const answer = await commands.executeCommand<T | undefined>(command, ...args);
    return answer && answer.length > 0 ? answer : undefined;
  });
}

const complete = async (document: TextDocument, position: Position): Promise<CompletionList> =>
  until('completions', async () => {
    const list = await commands.executeCommand<CompletionList>('vscode.executeCompletionItemProvider', document.uri, position);
    return list.items.some(({ kind }) => kind !== CompletionItemKind.Text) ? list : undefined;
  });

/** What the grammar makes of a text, with the YAML grammar of the VS Code that this runs in. */
async function colours(text: string): Promise<{ text: string; scopes: string[] }[]> {
  const library = createRequire(join(root, 'package.json'));
  const textmate = library('vscode-textmate') as typeof vscodeTextmate;
  const oniguruma = library('vscode-oniguruma') as typeof vscodeOniguruma;
  await oniguruma.loadWASM(readFileSync(library.resolve('vscode-oniguruma/release/onig.wasm')));
  const yaml = join(env.appRoot, 'extensions', 'yaml', 'syntaxes');
  const files = new Map(
    readdirSync(yaml).map((name) => {
      const { scopeName } = JSON.parse(readFileSync(join(yaml, name), 'utf8')) as { scopeName: string };
      return [scopeName, join(yaml, name)];
    }),
  );
  files.set('source.residue-shell', join(root, 'media', 'language', 'residue-shell.tmLanguage.json'));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (string) => new oniguruma.OnigString(string),
    }),
    loadGrammar: (scope) => {
      const file = files.get(scope);
      return Promise.resolve(file ? textmate.parseRawGrammar(readFileSync(file, 'utf8'), file) : null);
    },
  });
  const grammar = await registry.loadGrammar('source.residue-shell');
  let stack: vscodeTextmate.StateStack | null = textmate.INITIAL;
  return text.split('\n').flatMap((line) => {
    const { tokens, ruleStack } = grammar!.tokenizeLine(line, stack);
    stack = ruleStack;
    return tokens.map(({ startIndex, endIndex, scopes }) => ({ text: line.slice(startIndex, endIndex), scopes }));
  });
}

describe('authoring', () => {
  afterEach(closeEditors);

  it('offers a whole shell of every family in an empty file, with its question', async () => {
    const document = await openText('empty.shell.yaml', '');
    const { items } = await complete(document, new Position(0, 0));
    assert.deepEqual(
      items.filter(({ kind }) => kind === CompletionItemKind.Snippet).map(({ label }) => label),
      ['memory', 'value', 'salience', 'temporal', 'instruction'].map((family) => `shell: ${family}`),
    );
    assert(items.every(({ documentation, detail }) => documentation !== undefined && detail !== undefined));
  });

  it('marks two mistakes once each and offers to mend either', async () => {
    const document = await openText(
      'wrong.shell.yaml',
      text.replace('span: fact }', 'span: fatc }').replace(' ball. {{walk}}', ' ball. {{wlak}}'),
    );
    for (const [word, right] of [
      ['fatc', 'fact'],
      ['{{wlak}}', '{{walk}}'],
    ] as const) {
      const problem = await until(`${word} to be marked`, () => {
        const marked = languages.getDiagnostics(document.uri).filter(({ range }) => document.getText(range) === word);
        assert(marked.length < 2, 'It is marked twice.');
        return marked[0];
      });
      const actions = await ask<CodeAction[]>('vscode.executeCodeActionProvider', document.uri, problem.range);
      const fix = actions.find(({ title }) => title === `Change to ${right}`);
      assert(fix?.edit, `Offered: ${actions.map(({ title }) => title).join(', ')}`);
      assert(await workspace.applyEdit(fix.edit));
    }
    await until('the findings to go', () => languages.getDiagnostics(document.uri).length === 0);
  });

  it('explains a command, an expectation and a span under the pointer', async () => {
    const document = await openText('hover.shell.yaml', `${text}expect:\n  - collapse.layer: 3\n`);
    const hover = async (position: Position): Promise<string> =>
      (await ask<Hover[]>('vscode.executeHoverProvider', document.uri, position))
        .flatMap(({ contents }) => contents.map((content) => (typeof content === 'string' ? content : content.value)))
        .join('\n');
    assert.match(await hover(find(document, 'INHIBIT')), /Geva et al\. 2023[^]*openMethods/);
    assert.match(await hover(find(document, 'collapse.layer')), /logit lens/);
    assert.match(await hover(find(document, 'fact }')), /Taken by ANCHOR, INHIBIT/);
  });

  it('renames a span wherever it stands, and refuses what is no name', async () => {
    const document = await openText('rename.shell.yaml', text);
    const at = find(document, 'fact|red').translate(0, 1);
    const edit = await until('the rename', () =>
      Promise.resolve(commands.executeCommand<WorkspaceEdit>('vscode.executeDocumentRenameProvider', document.uri, at, 'colour')).catch(
        () => undefined,
      ),
    );
    assert.equal(edit.get(document.uri).length, 4);
    assert(await workspace.applyEdit(edit));
    assert.equal(document.getText(), text.replaceAll('fact', 'colour'));
    await assert.rejects(
      async () => commands.executeCommand('vscode.executeDocumentRenameProvider', document.uri, at, 'two words'),
      /cannot name a span/,
    );
  });

  it('has an outline, folds, a formatter, definitions and references', async () => {
    const document = await openText('whole.shell.yaml', text.replace('{ span: fact }', '{span:   fact}'));
    const symbols = await ask<DocumentSymbol[]>('vscode.executeDocumentSymbolProvider', document.uri);
    const children = (name: string) => symbols.find((one) => one.name === name)?.children.map((one) => one.name);
    assert.deepEqual(children('run'), ['ANCHOR', 'INHIBIT']);
    assert.deepEqual(children('prompt'), ['fact']);
    const folds = await ask<FoldingRange[]>('vscode.executeFoldingRangeProvider', document.uri);
    assert(folds.some(({ start, end }) => start === find(document, 'run:').line && end === document.lineCount - 2));
    const [link] = await ask<(LocationLink | Location)[]>('vscode.executeDefinitionProvider', document.uri, find(document, 'fact}'));
    const range = link && ('targetSelectionRange' in link ? link.targetSelectionRange : 'range' in link ? link.range : undefined);
    assert.deepEqual(range?.start, find(document, 'fact|red'));
    const places = await ask<Location[]>('vscode.executeReferenceProvider', document.uri, find(document, 'fact}'));
    assert.equal(places.length, 4);
    const edits = await ask<TextEdit[]>('vscode.executeFormatDocumentProvider', document.uri, { tabSize: 2, insertSpaces: true });
    const all = new WorkspaceEdit();
    all.set(document.uri, edits);
    assert(await workspace.applyEdit(all));
    assert.equal(document.getText(), text);
  });

  it('colours spans and placeholders in every style of text, and not in comments', async () => {
    const styles = [
      'plain: a [[one|x]] {{two}}',
      "single: 'a [[one|x]] {{two}}'",
      'double: "a [[one|x]] {{two}}"',
      'literal: |-\n  a [[one|x]] {{two}}',
      'folded: >\n  a [[one|x]] {{two}}',
      'list:\n  - "a [[one|x]] {{two}}"\n  - role: user\n    content: |\n      a [[one|x]] {{two}}',
      'escaped: a \\[[one|x]] \\{{two}}',
      '# [[one|x]] {{two}}',
    ].join('\n');
    const document = await openText('colours.shell.yaml', styles);
    const tokens = await colours(document.getText());
    const scopes = (word: string, scope: string): number =>
      tokens.filter(({ text, scopes }) => text === word && scopes.some((one) => one.startsWith(scope))).length;
    assert.equal(scopes('one', 'entity.name.tag.span'), 7);
    assert.equal(scopes('two', 'variable.parameter'), 7);
    assert.equal(scopes('x', 'string.other.span'), 7);
  });

  it('shows how the model reads a prompt, and takes it away when the setting says so', async () => {
    const document = await openText('tokens.shell.yaml', text);
    const all = new Range(new Position(0, 0), document.lineAt(document.lineCount - 1).range.end);
    const hints = await ask<InlayHint[]>('vscode.executeInlayHintProvider', document.uri, all);
    const labels = hints.map(({ label }) => (typeof label === 'string' ? label : label.map(({ value }) => value).join('')));
    assert.match(labels[0] ?? '', /^\d+( to \d+)? tokens$/);
    assert.equal(hints[0]?.position.line, find(document, 'prompt:').line);
    assert(labels.filter((label) => label === '·').length > 20);
    const settings = workspace.getConfiguration('symbolicResidue', document.uri);
    await settings.update('tokenHints', 'off', ConfigurationTarget.Global);
    try {
      assert.deepEqual(await commands.executeCommand('vscode.executeInlayHintProvider', document.uri, all), []);
    } finally {
      await settings.update('tokenHints', undefined, ConfigurationTarget.Global);
    }
  });

  it('makes a new shell of a family, in one step that one undo takes back', async () => {
    const document = await commands.executeCommand<TextDocument | undefined>('symbolicResidue.newShell', 'temporal');
    assert(document?.isUntitled && document.languageId === 'residue-shell');
    assert.match(document.getText(), /^format: 1\nshell: my-shell\n[^]*family: temporal\n[^]*REMEMBER/);
    // What was said of the empty text is taken back.
    await until('the finding of the empty text to be taken back', () => languages.getDiagnostics(document.uri).length === 0);
    await ask<DocumentSymbol[]>('vscode.executeDocumentSymbolProvider', document.uri);
    assert.deepEqual(languages.getDiagnostics(document.uri), []);
    await commands.executeCommand('undo');
    assert.equal(document.getText(), '');
  });

  it('makes a new shell of a selection and of a chat log, and says why it cannot', async () => {
    const notes = await openText('capital.txt', 'The capital of France is\n');
    await commands.executeCommand('editor.action.selectAll');
    const selected = await commands.executeCommand<TextDocument | undefined>('symbolicResidue.newShellFromSelection');
    assert(selected && selected !== notes);
    assert.match(selected.getText(), /title: "A selection of capital\.txt"[^]*prompt: The capital of France is\n/);
    const log = await openText(
      'log.json',
      JSON.stringify({
        messages: [
          { role: 'user', content: 'Hi {{you}}' },
          { role: 'assistant', content: 'Hello!' },
        ],
      }),
    );
    const chat = await commands.executeCommand<TextDocument | undefined>('symbolicResidue.newShellFromChatLog', log.uri);
    assert.match(chat?.getText() ?? '', /role: user\n +content: "?Hi \\+\{\{you[^]*answer: "Hello"/);
    const bad = await openText('bad.json', '[{"role": "user"}]');
    assert.equal(await commands.executeCommand('symbolicResidue.newShellFromChatLog', bad.uri), undefined);
  });

  it('finds nothing wrong with a bundled shell', async () => {
    const document = await openBundled('v5-instruction-disruption.shell.yaml');
    assert.deepEqual(await findings(document), []);
  });
});
