/** Entry of dist/language-client.cjs, a bundle of its own: it is loaded when the first shell is opened, and activation never waits for it. */
import { dirname } from 'node:path';
import { Uri, workspace, type LogOutputChannel } from 'vscode';
import { LanguageClient, RevealOutputChannelOn, TransportKind, type LanguageClientOptions } from 'vscode-languageclient/node';
import { HINT_SETTINGS, HINTS_CHANGED, type HintSettings, type ServerOptions } from '../language/protocol.js';
import { shellSelector } from './selector.js';
import { section, settings } from './settings.js';

/**
 * Starts the language server, a process of its own, and gives the editor its features. It knows the texts of open shells; the one kind of file that it
 * opens is a model's, for its tokenizer, and in an untrusted workspace those alone that come with the extension.
 *
 * @param server Path of dist/language-server.cjs.
 */
export async function startLanguageClient(server: string, log: LogOutputChannel): Promise<{ dispose(): Promise<void> }> {
  const options: LanguageClientOptions = {
    documentSelector: shellSelector as LanguageClientOptions['documentSelector'],
    initializationOptions: { methodLinks: true } satisfies ServerOptions,
    markdown: { isTrusted: { enabledCommands: ['symbolicResidue.openMethods'] } },
    outputChannel: log,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    diagnosticCollectionName: 'symbolic-residue',
  };
  const run = { module: server, transport: TransportKind.ipc };
  const client = new LanguageClient('symbolicResidue', 'Symbolic Residue Language Server', { run, debug: run }, options);
  client.onRequest(HINT_SETTINGS, ({ uri }: { uri: string }): HintSettings => hintSettings(Uri.parse(uri)));
  const changed = (): void => void client.sendNotification(HINTS_CHANGED);
  const listeners = [
    workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration(section)) changed();
    }),
    workspace.onDidGrantWorkspaceTrust(changed),
  ];
  await client.start();
  return {
    dispose: async () => {
      listeners.forEach((listener) => void listener.dispose());
      await client.dispose();
    },
  };
}

function hintSettings(uri: Uri): HintSettings {
  const { model, tokenHints } = settings(uri);
  const folder = uri.scheme === 'file' ? dirname(uri.fsPath) : (workspace.workspaceFolders?.[0]?.uri.fsPath ?? '');
  return { show: tokenHints, model, folder, trusted: workspace.isTrusted };
}
