import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CancelledError, InputError, throwIfAborted } from '../errors.js';
import { folderName, MANIFEST, readDownloaded, type DownloadedModel, type Manifest } from '../model/downloaded.js';
import { referenceId, type HubReference } from '../model/reference.js';
import type { Asked } from './faults.js';
import type { Net } from './net.js';
import {
  discard,
  lock,
  partialFolder,
  partPath,
  readPartial,
  receivedOf,
  writeState,
  writeWhole,
  type PartialFile,
  type PartialState,
} from './partial.js';
import type { Patience } from './patience.js';
import { checkDisk, fileUrl, type Plan } from './plan.js';
import { fetchFile } from './transfer.js';

/** How far a download is. */
export interface DownloadProgress {
  /** File that is being fetched. */
  file: string;
  received: number;
  bytes: number;
  /** Why nothing comes for a while, and until when (milliseconds from now). */
  waiting?: { why: string; milliseconds: number };
}

export interface DownloadOptions {
  /** The models' folder. */
  root: string;
  /** Aborting pauses: what has arrived stays, and the next download of the same model goes on from there. */
  signal?: AbortSignal;
  patience?: Patience;
  onProgress?: (progress: DownloadProgress) => void;
  /** Bytes free on the disk of a folder; default: asked of the system. */
  free?: (folder: string) => Promise<number>;
}

/** A download of this reference that was begun and not finished; null when there is none. */
export function unfinished(root: string, reference: HubReference): PartialState | null {
  return readPartial(partialFolder(root, referenceId(reference)))?.state ?? null;
}

/** Begins the download of a plan, or goes on with the one of the same model at the same commit. */
export async function download(net: Net, plan: Plan, options: DownloadOptions): Promise<DownloadedModel> {
  const { root } = options;
  const folder = partialFolder(root, plan.id);
  const before = readPartial(folder);
  if (before && before.state.commit !== plan.commit && !before.busy) await discard(root, folder);
  if (!before || before.state.commit !== plan.commit) {
    await checkDisk(root, plan.id, plan.bytes, options.free);
    await make(folder);
    await writeState(folder, stateOf(plan));
  }
  return resume(net, plan.reference, options);
}

/**
 * Goes on with a download, at the commit that it was begun at. Each file is fetched into NAME.part, checked, and renamed; when all
 * are there the folder itself is moved to where models are looked for, so that half a model is never found.
 * Throws CancelledError when it is paused; InputError or HubUnreachable, kept as `fault`, when it cannot go on.
 */
export async function resume(net: Net, reference: HubReference, options: DownloadOptions): Promise<DownloadedModel> {
  const { root, signal } = options;
  const id = referenceId(reference);
  const folder = partialFolder(root, id);
  if (!readPartial(folder)) throw new InputError(`There is no download of ${id} to go on with.`);
  const release = await lock(folder, id);
  // What the last owner of the lock wrote.
  const state = readPartial(folder)?.state;
  try {
    if (!state) throw new InputError(`The download of ${id} has ended in the meantime.`);
    state.fault = null;
    await fetchAll(net, folder, state, options);
    throwIfAborted(signal);
    return await finish(root, folder, state);
  } catch (error) {
    if (state && !(error instanceof CancelledError) && existsSync(folder)) {
      state.fault = error instanceof Error ? error.message : String(error);
      await writeState(folder, state).catch(() => undefined);
    }
    throw asSentence(error, folder);
  } finally {
    await release();
  }
}

/** Gives a download up and removes what has arrived. */
export async function cancelDownload(root: string, reference: HubReference): Promise<void> {
  const folder = partialFolder(root, referenceId(reference));
  if (readPartial(folder)?.busy) throw new InputError(`${referenceId(reference)} is being downloaded by another window or program.`);
  await discard(root, folder);
}

function stateOf({ reference, commit, endpoint, licence, family, files }: Plan): PartialState {
  const own = files.map(({ path, bytes, sha256, oid }): PartialFile => ({ name: path, bytes, sha256, oid, etag: null, done: null }));
  return { version: 1, reference, commit, endpoint, licence, family, started: new Date().toISOString(), fault: null, files: own };
}

async function fetchAll(net: Net, folder: string, state: PartialState, options: DownloadOptions): Promise<void> {
  const { root, signal, patience = {}, onProgress } = options;
  const { reference, commit, files } = state;
  for (const file of files) if (file.done !== null && !existsSync(join(folder, file.name))) file.done = null;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const there = files.map((file) => receivedOf(folder, file));
  const received = (): number => there.reduce((sum, n) => sum + n, 0);
  await checkDisk(root, referenceId(reference), bytes - received(), options.free);
  for (const [i, file] of files.entries()) {
    if (file.done !== null) continue;
    const tell = (more: Pick<DownloadProgress, 'waiting'> = {}): void =>
      onProgress?.({ file: file.name, received: received(), bytes, ...more });
    const asked: Asked = {
      host: net.host,
      endpoint: net.endpoint,
      hasToken: net.hasToken,
      repo: reference.repo,
      revision: commit,
      file: file.name,
    };
    const part = partPath(folder, file);
    const { sha256, oid, etag } = file;
    const done = await fetchFile(
      net,
      { url: fileUrl(net, reference.repo, commit, file.name), part, bytes: file.bytes, sha256, oid, etag },
      asked,
      {
        signal,
        patience: { ...patience, onWait: (why, milliseconds) => tell({ waiting: { why, milliseconds } }) },
        onProgress: (n) => {
          there[i] = n;
          tell();
        },
        onEtag: async (now) => {
          file.etag = now;
          await writeState(folder, state);
        },
      },
    );
    await rename(part, join(folder, file.name));
    file.done = done;
    await writeState(folder, state);
  }
}

/** Writes the manifest and moves the folder to its place; an older download of the same model makes room for it. */
async function finish(root: string, folder: string, state: PartialState): Promise<DownloadedModel> {
  const { reference, commit, endpoint, licence, files } = state;
  const manifest: Manifest = {
    version: 1,
    ...reference,
    commit,
    endpoint,
    licence,
    downloaded: new Date().toISOString(),
    files: files.map(({ name, bytes, done }) => ({ name, bytes, sha256: done! })),
  };
  await writeWhole(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  const place = join(root, folderName(referenceId(reference)));
  await discard(root, place);
  await rename(folder, place);
  // Of no more use; a crash before this leaves two small files beside the model.
  await Promise.all(['download.json', 'lock'].map((name) => rm(join(place, name), { force: true })));
  return readDownloaded(place)!;
}

async function make(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw asSentence(error, folder);
  }
}

/** A disk that is full or does not take files is no fault of the program. */
function asSentence(error: unknown, folder: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const why =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'the disk is full'
      : code === 'EROFS' || code === 'EACCES' || code === 'EPERM'
        ? 'it may not be written to'
        : code;
  return new InputError(`The download cannot be written to ${folder}: ${why}.`, { file: folder });
}
