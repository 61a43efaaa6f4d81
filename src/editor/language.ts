import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { workspace, type Disposable, type LogOutputChannel, type TextDocument } from 'vscode';
import type * as languageClient from './language-client.js';
import { isShell } from './selector.js';

type Client = Awaited<ReturnType<typeof languageClient.startLanguageClient>>;

/** Completion, hovers, findings and what else the language server gives; it is started with the first shell that is opened. */
export function languageFeatures(log: LogOutputChannel): Disposable {
  let client: Promise<Client | undefined> | undefined;
  const start = (document: TextDocument): void => {
    if (isShell(document)) client ??= startClient(log);
  };
  const listener = workspace.onDidOpenTextDocument(start);
  // After activation, whose time is counted.
  const first = setImmediate(() => workspace.textDocuments.forEach(start));
  return {
    dispose: async () => {
      clearImmediate(first);
      listener.dispose();
      await (await client)?.dispose();
    },
  };
}

/** The client's bundle and the server's lie beside this one. */
async function startClient(log: LogOutputChannel): Promise<Client | undefined> {
  const folder = dirname(fileURLToPath(import.meta.url));
  try {
    const { startLanguageClient } = createRequire(import.meta.url)(join(folder, 'language-client.cjs')) as typeof languageClient;
    return await startLanguageClient(join(folder, 'language-server.cjs'), log);
  } catch (error) {
    log.error('The language server could not be started; shells are run as before, but nothing is completed or checked as you type.');
    log.error(error instanceof Error ? error : String(error));
    return undefined;
  }
}
