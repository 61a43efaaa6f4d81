/** Entry of dist/hub.cjs: the thread of the extension that looks after models. Started by HubClient. */
import { parentPort } from 'node:worker_threads';
import { CancelledError, InputError } from '../errors.js';
import { downloadedModels, modelsFolder, readDownloaded } from '../model/downloaded.js';
import { Checks } from './checks.js';
import { SeveralFiles } from './choose.js';
import { cancelDownload, download, resume, type DownloadOptions } from './download.js';
import { HubUnreachable } from './faults.js';
import { openNet, type Net, type NetOptions } from './net.js';
import { partials } from './partial.js';
import { freeBytes, planDownload } from './plan.js';
import { isToHub, type FromHub, type HubEvent, type HubMethod, type HubMethods, type ModelRow } from './protocol.js';
import { addModel, findOwn, removeModel, shelf } from './shelf.js';
import type { DownloadedModel } from '../model/downloaded.js';

const port = parentPort;
if (!port) throw new Error('This program is started by Symbolic Residue itself.');
const send = (message: FromHub): void => port.postMessage(message);

const root = modelsFolder();
const checks = new Checks(root);
const calls = new Map<number, AbortController>();

interface Call {
  signal: AbortSignal;
  emit: (event: HubEvent) => void;
}

type Handlers = { [M in HubMethod]: (params: HubMethods[M]['params'], call: Call) => Promise<HubMethods[M]['result']> };

const handlers: Handlers = {
  shelf: async () => ({
    folder: root,
    models: shelf(root).map(({ id, path, origin, downloaded }): ModelRow => ({
      id,
      path,
      origin,
      source: downloaded ? sourceOf(downloaded) : null,
    })),
    downloads: partials(root).map(({ id, state, received, bytes, busy }) => ({
      id,
      reference: state.reference,
      received,
      bytes,
      busy,
      fault: state.fault,
    })),
  }),
  inspect: ({ path }) => checks.look(path, downloadedAt(path)),
  verify: ({ path }, { signal, emit }) =>
    checks.verify(path, downloadedAt(path), { signal, onProgress: (event) => emit({ kind: 'progress', ...event }) }),
  plan: ({ reference, net }, { signal }) =>
    withNet(net, async (open) => {
      try {
        const plan = await planDownload(open, reference, { signal });
        const here = downloadedModels(root).some(({ id, manifest }) => id === plan.id && manifest.commit === plan.commit);
        return { plan, free: await freeBytes(root), here };
      } catch (error) {
        if (!(error instanceof SeveralFiles)) throw error;
        return { choices: error.files.map(({ path, bytes }) => ({ file: path, bytes })) };
      }
    }),
  download: ({ plan, net }, call) => withNet(net, async (open) => named(await download(open, plan, optionsOf(call)))),
  resume: ({ reference, net }, call) => withNet(net, async (open) => named(await resume(open, reference, optionsOf(call)))),
  cancel: async ({ reference }) => {
    await cancelDownload(root, reference);
    return null;
  },
  remove: async ({ id }) => {
    await removeModel(findOwn(id, root), root);
    return null;
  },
  add: ({ path }) => addModel(path, root),
};

function sourceOf({ manifest }: DownloadedModel): ModelRow['source'] {
  const { repo, revision, commit, endpoint, licence } = manifest;
  return { repo, revision, commit, endpoint, licence };
}

function downloadedAt(path: string): DownloadedModel | undefined {
  return downloadedModels(root).find((model) => model.path === path) ?? readDownloaded(path) ?? undefined;
}

const named = ({ id, path }: DownloadedModel): { id: string; path: string } => ({ id, path });

/** Milliseconds between two words on the progress of a download: more would only keep the host busy. */
const PAUSE = 200;

function optionsOf({ signal, emit }: Call): DownloadOptions {
  let next = 0;
  let file = '';
  return {
    root,
    signal,
    onProgress: (progress) => {
      const now = performance.now();
      if (now < next && !progress.waiting && progress.file === file && progress.received < progress.bytes) return;
      next = now + PAUSE;
      file = progress.file;
      emit({ kind: 'download', ...progress });
    },
  };
}

async function withNet<T>(options: NetOptions, work: (net: Net) => Promise<T>): Promise<T> {
  const net = openNet(options);
  try {
    return await work(net);
  } finally {
    await net.close();
  }
}

function wire(error: unknown): Extract<FromHub, { type: 'error' }>['error'] {
  if (error instanceof CancelledError) return { kind: 'cancelled', message: error.message };
  if (error instanceof InputError || error instanceof HubUnreachable) return { kind: 'input', message: error.message };
  return { kind: 'fault', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

async function serve<M extends HubMethod>(id: number, method: M, params: HubMethods[M]['params']): Promise<void> {
  const controller = new AbortController();
  calls.set(id, controller);
  try {
    const result = await handlers[method](params, { signal: controller.signal, emit: (event) => send({ type: 'event', id, event }) });
    send({ type: 'reply', id, result });
  } catch (error) {
    send({ type: 'error', id, error: wire(error) });
  } finally {
    calls.delete(id);
  }
}

port.on('message', (message: unknown) => {
  if (!isToHub(message)) return;
  if (message.type === 'abort') return calls.get(message.id)?.abort();
  void serve(message.id, message.method, message.params);
});
