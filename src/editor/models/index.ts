import { join } from 'node:path';
import { commands, window, workspace, type Disposable, type ExtensionContext, type LogOutputChannel } from 'vscode';
import { InputError } from '../../errors.js';
import { HubClient } from '../../hub/client.js';
import type { ModelRow } from '../../hub/protocol.js';
import type { HubReference } from '../../model/reference.js';
import { Downloads } from './downloads.js';
import { applyModelsFolder, forgetToken, setToken } from './net-settings.js';
import { ModelsView, type ModelNode } from './view.js';

/** What of the extension the Models view stands on. */
export interface ModelsParts {
  extension: ExtensionContext;
  log: LogOutputChannel;
  /** Ends the engine: it keeps files of models open and looks models up in its environment. */
  restartEngine: () => Promise<void>;
}

/** The Models view with its commands. What asks and acts is loaded when it is first needed. */
export function modelsView({ extension, log, restartEngine }: ModelsParts): Disposable {
  applyModelsFolder();
  const { secrets } = extension;
  let client: HubClient | undefined;
  const hub = (): HubClient => (client ??= new HubClient(extension.asAbsolutePath(join('dist', 'hub.cjs')), (text) => log.error(text)));
  const downloads = new Downloads(hub, secrets, log, {
    finished: ({ id, path }) => {
      view.forget(path);
      void actions().then(({ offerUse }) => offerUse(id, `${id} was downloaded, and its SHA-256 is right.`));
    },
    failed: (reference, message) => void stopped(reference, message),
  });
  const view = new ModelsView(hub, downloads, (error) => log.error(error instanceof Error ? error : String(error)));

  const stopped = async (reference: HubReference, message: string): Promise<void> => {
    const again = 'Try Again';
    const token = 'Set Access Token…';
    const choice = await window.showErrorMessage(message, again, ...(/access token/.test(message) ? [token] : []));
    if (choice === token) await setToken(secrets);
    if (choice) downloads.resume(reference);
  };

  const download = async (named?: unknown): Promise<void> => {
    const { askPlan, askReference } = await import('./ask.js');
    const { parseReference } = await import('../../model/reference.js');
    const here = new Set((await hub().call('shelf', {})).models.map(({ id }) => id));
    const reference = typeof named === 'string' ? parseReference(named) : await askReference(here);
    const answer = reference && (await askPlan(hub(), secrets, reference));
    if (!answer) return;
    if ('here' in answer) return (await actions()).offerUse(answer.here, `${answer.here} is already on this machine, as it is on the Hub.`);
    void commands.executeCommand('symbolicResidue.models.focus');
    downloads.start(answer.plan);
  };

  const table: Record<string, (node?: ModelNode) => unknown> = {
    download,
    refresh: () => view.refresh(),
    add: async () => {
      if (await (await actions()).add(hub())) view.refresh();
    },
    use: onModel(async (row) => (await actions()).useModel((await actions()).nameOf(row))),
    reveal: onModel(async (row) => (await actions()).reveal(row)),
    copyPath: onModel(async (row) => (await actions()).copyPath(row.path)),
    verify: onModel(async (row) => {
      await (await actions()).verify(hub(), row);
      view.refresh();
    }),
    forget: onModel(async (row) => {
      await hub().call('remove', { id: row.id });
      view.refresh();
    }),
    remove: onModel(async (row) => {
      const { remove } = await actions();
      try {
        if (!(await remove(hub(), row))) return;
      } catch (error) {
        // Windows keeps files that are open: the engine may have it.
        if (!(error instanceof InputError) || !/in use/.test(error.message)) throw error;
        await restartEngine();
        await hub().call('remove', { id: row.id });
      }
      view.refresh();
    }),
    pause: (node) => node?.kind === 'download' && downloads.pause(node.download.id),
    resume: (node) => node?.kind === 'download' && downloads.resume(node.download.reference),
    cancelDownload: async (node) => {
      if (node?.kind !== 'download') return;
      const { id, reference } = node.download;
      const yes = 'Discard';
      const choice = await window.showWarningMessage(
        `Discard the download of ${id}?`,
        { modal: true, detail: 'What has arrived is deleted.' },
        yes,
      );
      if (choice !== yes) return;
      await downloads.pause(id);
      await hub().call('cancel', { reference });
      view.refresh();
    },
    setToken: () => setToken(secrets),
    forgetToken: () => forgetToken(secrets),
  };

  const registered = Object.entries(table).map(([name, handler]) =>
    commands.registerCommand(`symbolicResidue.models.${name}`, async (node?: ModelNode) => {
      try {
        return await handler(node);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        log.error(error instanceof InputError ? message : error instanceof Error ? error : message);
        const token = 'Set Access Token…';
        const choices = /access token/.test(message) ? [token] : [];
        void window.showErrorMessage(message, ...choices).then((choice) => (choice === token ? setToken(secrets) : undefined));
      }
    }),
  );
  const folder = workspace.onDidChangeConfiguration(async (change) => {
    if (!change.affectsConfiguration('symbolicResidue.models.folder') || !applyModelsFolder()) return;
    client?.dispose();
    client = undefined;
    await restartEngine();
    view.refresh();
  });
  return { dispose: () => [folder, ...registered, downloads, view, { dispose: () => client?.dispose() }].forEach((one) => one.dispose()) };
}

const actions = () => import('./actions.js');

/** A command on a model of the view. */
function onModel(work: (row: ModelRow) => Promise<unknown>): (node?: ModelNode) => unknown {
  return (node) => (node?.kind === 'model' ? work(node.row) : undefined);
}
