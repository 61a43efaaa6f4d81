/** Entry of dist/language-client.cjs, a bundle of its own: it is loaded when the first shell is opened, and activation never waits for it. */
import type { LogOutputChannel } from 'vscode';
import { LanguageClient, RevealOutputChannelOn, TransportKind, type LanguageClientOptions } from 'vscode-languageclient/node';
import type { ServerOptions } from '../language/protocol.js';
import { shellSelector } from './selector.js';

/**
 * Starts the language server, a process of its own, and gives the editor its features. It knows the texts of open shells and nothing else: no
 * file is opened by it, so it serves untrusted workspaces too.
 *
 * @param server Path of dist/language-server.cjs.
 */
export async function startLanguageClient(server: string, log: LogOutputChannel): Promise<LanguageClient> {
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
  await client.start();
  return client;
}
