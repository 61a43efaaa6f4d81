import { basename, dirname } from 'node:path';
import {
  FileType,
  QuickPickItemKind,
  SnippetString,
  Uri,
  window,
  workspace,
  type QuickPickItem,
  type TextDocument,
  type TextEditor,
} from 'vscode';
import { InputError, isInputError } from '../errors.js';
import { FAMILIES } from '../shell/families.js';
import type { ChatLog } from '../shell/chat-log.js';
import { languageId } from './selector.js';
import { shellTexts } from './shell-texts.js';

type Family = keyof typeof FAMILIES;

interface Choice extends QuickPickItem {
  family?: Family;
  from?: 'selection' | 'chat';
}

const isLog = (uri: Uri): boolean => /\.jsonl?$/i.test(uri.path);

/**
 * Makes an untitled shell with places to fill in: of a family, of the selected text or of a chat log, as the user chooses.
 * @param target A folder to make it in, a chat log, or the name of a family.
 */
export async function newShell(target: unknown): Promise<TextDocument | undefined> {
  if (target instanceof Uri && isLog(target)) return newShellFromChatLog(target);
  const folder = target instanceof Uri ? await folderOf(target) : undefined;
  const editor = window.activeTextEditor;
  const named = typeof target === 'string' && Object.hasOwn(FAMILIES, target) ? (target as Family) : undefined;
  const chosen: Choice | undefined = named ? { label: named, family: named } : await choose(editor);
  if (chosen?.family) {
    return open(shellTexts().familyShell(chosen.family), folder);
  }
  if (chosen?.from === 'selection') return newShellFromSelection(folder);
  return chosen?.from === 'chat' ? newShellFromChatLog(undefined, folder) : undefined;
}

/** The selected text as the prompt of a new shell. */
export async function newShellFromSelection(folder?: Uri): Promise<TextDocument | undefined> {
  const editor = window.activeTextEditor;
  const selected = editor?.document.getText(editor.selection) ?? '';
  if (!editor || selected.trim() === '') {
    void window.showInformationMessage('Select some text first: it becomes the prompt of the new shell.');
    return undefined;
  }
  return told(() => open(shellTexts().selectionShell(selected, `A selection of ${basename(editor.document.uri.path)}`), folder));
}

/**
 * A conversation as the prompt of a new shell.
 * @param target The log; asked for where it is not given.
 */
export async function newShellFromChatLog(target: unknown, folder?: Uri): Promise<TextDocument | undefined> {
  const uri = target instanceof Uri ? target : await askForLog();
  if (!uri) return undefined;
  return told(async () => {
    const { chatShell, readChatLogs } = shellTexts();
    const logs = readChatLogs(await textOf(uri), uri.fsPath);
    const log = logs.length === 1 ? logs[0] : await pickLog(logs);
    if (!log) return undefined;
    return open(chatShell(log, `A conversation of ${basename(uri.path)}`), folder);
  });
}

function choose(editor: TextEditor | undefined): Thenable<Choice | undefined> {
  const selected = editor && !editor.selection.isEmpty;
  const items: Choice[] = [
    { label: 'A whole shell of a family', kind: QuickPickItemKind.Separator },
    ...shellTexts().WHOLE_SHELLS.map(({ family }): Choice => ({ label: family, description: FAMILIES[family], family })),
    { label: 'From what you have', kind: QuickPickItemKind.Separator },
    {
      label: '$(selection) The selected text…',
      description: selected ? `as the prompt, from ${basename(editor.document.uri.path)}` : 'select some text first',
      from: 'selection',
    },
    { label: '$(comment-discussion) A chat log…', description: 'JSON: [{role, content}, …] or {messages: […]}', from: 'chat' },
  ];
  return window.showQuickPick(items, { title: 'New shell', placeHolder: 'What shall it probe?', matchOnDescription: true });
}

/** The JSON file in front, or one that the user chooses. */
async function askForLog(): Promise<Uri | undefined> {
  const shown = window.activeTextEditor?.document.uri;
  const [uri] =
    (await window.showOpenDialog({
      title: 'A chat log in JSON',
      openLabel: 'Make Shell',
      filters: { 'Chat logs': ['json', 'jsonl'] },
      ...(shown && isLog(shown) ? { defaultUri: shown } : {}),
    })) ?? [];
  return uri;
}

/** A file's text as it stands in its editor, else on the disk. */
async function textOf(uri: Uri): Promise<string> {
  const known = workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  if (known) return known.getText();
  const { MAX_LOG } = shellTexts();
  try {
    const { size } = await workspace.fs.stat(uri);
    if (size > MAX_LOG) throw new InputError(`${basename(uri.path)} has ${size} bytes; a chat log of at most ${MAX_LOG} is read.`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await workspace.fs.readFile(uri));
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${basename(uri.path)} cannot be read as text in UTF-8.`, { file: uri.fsPath });
  }
}

async function pickLog(logs: readonly ChatLog[]): Promise<ChatLog | undefined> {
  const items = logs.map((log) => {
    const last = log.messages.findLast(({ role }) => role === 'user') ?? log.messages[0];
    return {
      label: last?.content.replace(/\s+/g, ' ').slice(0, 80) ?? '',
      description: `${log.messages.length} messages`,
      detail: log.field,
      log,
    };
  });
  const title = `${logs.length} conversations: which?`;
  return (await window.showQuickPick(items, { title, matchOnDetail: true }))?.log;
}

async function folderOf(uri: Uri): Promise<Uri | undefined> {
  try {
    const { type } = await workspace.fs.stat(uri);
    return (type & FileType.Directory) !== 0 ? uri : uri.with({ path: dirname(uri.path) });
  } catch {
    return undefined;
  }
}

/** An untitled shell, in a folder when one is named, so that it is saved there; one undo takes its text away. */
async function open(snippet: string, folder: Uri | undefined): Promise<TextDocument> {
  const uri = folder && (await unusedName(folder));
  const document = await (uri ? workspace.openTextDocument(uri) : workspace.openTextDocument({ language: languageId }));
  const editor = await window.showTextDocument(document);
  await editor.insertSnippet(new SnippetString(snippet));
  return document;
}

async function unusedName(folder: Uri): Promise<Uri> {
  for (let i = 1; ; i++) {
    const file = Uri.joinPath(folder, i === 1 ? 'my-shell.shell.yaml' : `my-shell-${i}.shell.yaml`);
    const untitled = file.with({ scheme: 'untitled' });
    const open = workspace.textDocuments.some(({ uri }) => uri.toString() === untitled.toString());
    if (!open && !(await exists(file))) return untitled;
  }
}

async function exists(file: Uri): Promise<boolean> {
  try {
    await workspace.fs.stat(file);
    return true;
  } catch {
    return false;
  }
}

/** What is the user's to mend is shown as its one sentence. */
async function told<T>(make: () => Promise<T> | T): Promise<T | undefined> {
  try {
    return await make();
  } catch (error) {
    if (!isInputError(error)) throw error;
    void window.showErrorMessage(error.message);
    return undefined;
  }
}
