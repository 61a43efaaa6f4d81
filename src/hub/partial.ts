import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, open, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { folderName, PARTIAL } from '../model/downloaded.js';
import { isPlainFile, isRepoId, isRevision, referenceId, type HubReference } from '../model/reference.js';

/** A file of a download that is under way. */
export interface PartialFile {
  name: string;
  bytes: number;
  /** As listed; see ListedFile. */
  sha256: string | null;
  oid: string | null;
  /** Validator of the bytes that are there. */
  etag: string | null;
  /** SHA-256 of the whole file once it is there and checked. */
  done: string | null;
}

/** A download that is under way, paused, or was cut off: what is needed to go on with it after a crash. */
export interface PartialState {
  version: 1;
  reference: HubReference;
  commit: string;
  endpoint: string;
  licence: string | null;
  family: string;
  /** ISO time. */
  started: string;
  /** Why it stopped the last time, in one sentence; null: it was paused, or cut off. */
  fault: string | null;
  files: PartialFile[];
}

export interface Partial {
  id: string;
  folder: string;
  state: PartialState;
  /** Bytes that are there. */
  received: number;
  bytes: number;
  /** Another program is downloading it right now. */
  busy: boolean;
}

const STATE = 'download.json';
const LOCK = 'lock';

/** A lock that was not touched for so long (milliseconds) belongs to a program that is gone. */
const STALE = 30_000;

export function partialFolder(root: string, id: string): string {
  return join(root, PARTIAL, folderName(id));
}

export function partPath(folder: string, file: PartialFile): string {
  return join(folder, `${file.name}.part`);
}

/** Downloads that are not finished. */
export function partials(root: string): Partial[] {
  const base = join(root, PARTIAL);
  if (!existsSync(base)) return [];
  return readdirSync(base)
    .filter((name) => name.startsWith('models--'))
    .flatMap((name) => readPartial(join(base, name)) ?? []);
}

/** What lies in a folder of a download; null when it is none, or too damaged to go on with. */
export function readPartial(folder: string): Partial | null {
  let state: PartialState;
  try {
    state = JSON.parse(readFileSync(join(folder, STATE), 'utf8')) as PartialState;
  } catch {
    return null;
  }
  if (!isState(state)) return null;
  const received = state.files.reduce((sum, file) => sum + receivedOf(folder, file), 0);
  const bytes = state.files.reduce((sum, file) => sum + file.bytes, 0);
  return { id: referenceId(state.reference), folder, state, received, bytes, busy: isLocked(folder) };
}

/** Bytes of a file that are there. */
export function receivedOf(folder: string, file: PartialFile): number {
  if (file.done !== null) return file.bytes;
  return Math.min(statSync(partPath(folder, file), { throwIfNoEntry: false })?.size ?? 0, file.bytes);
}

export async function writeState(folder: string, state: PartialState): Promise<void> {
  await writeWhole(join(folder, STATE), `${JSON.stringify(state, null, 2)}\n`);
}

/** Writes a file whole or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const part = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(part, text);
  await rename(part, path);
}

/** Removes the folder of a download: first from where it is looked for, then from the disk. */
export async function discard(root: string, folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const away = join(root, PARTIAL, `removed-${randomBytes(6).toString('hex')}`);
  await mkdir(join(root, PARTIAL), { recursive: true });
  try {
    await rename(folder, away);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(`${folder} cannot be removed (${code ?? String(error)}): is the model in use? Restart the engine and try again.`, {
      file: folder,
    });
  }
  await rm(away, { recursive: true, force: true, maxRetries: 3 });
}

/**
 * Takes a download for this program alone: two windows, or a window and a terminal, never write to one file. Resolves with the
 * way to give it back; throws InputError when another program has it.
 */
export async function lock(folder: string, id: string): Promise<() => Promise<void>> {
  const path = join(folder, LOCK);
  for (let tries = 0; ; tries++) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(JSON.stringify({ pid: process.pid, host: hostname() }));
      await file.close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (tries > 2 || isLocked(folder)) throw new InputError(`${id} is being downloaded by another window or program.`);
      await rm(path, { force: true });
    }
  }
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), STALE / 6);
  beat.unref();
  return async () => {
    clearInterval(beat);
    await rm(path, { force: true });
  };
}

function isLocked(folder: string): boolean {
  const path = join(folder, LOCK);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat || Date.now() - stat.mtimeMs > STALE) return false;
  try {
    const { pid, host } = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; host: string };
    if (host !== hostname()) return true;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // ESRCH: that program is gone. EPERM: it is another user's. Anything else: the lock is just being written.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function isState(state: PartialState): boolean {
  const { version, reference, commit, endpoint, files } = state ?? {};
  return (
    version === 1 &&
    typeof reference?.repo === 'string' &&
    isRepoId(reference.repo) &&
    isRevision(reference.revision) &&
    (reference.file === null || isPlainFile(reference.file)) &&
    /^[0-9a-f]{40,64}$/.test(commit) &&
    typeof endpoint === 'string' &&
    Array.isArray(files) &&
    files.every(({ name, bytes }) => isPlainFile(name) && Number.isSafeInteger(bytes) && bytes >= 0)
  );
}
