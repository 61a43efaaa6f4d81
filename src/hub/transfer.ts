import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat, type FileHandle } from 'node:fs/promises';
import { InputError, throwIfAborted } from '../errors.js';
import { shorten } from '../model/json.js';
import { HubUnreachable, refusal, unreachable, type Asked } from './faults.js';
import type { Net } from './net.js';
import { waitOrThrow, type Patience } from './patience.js';

/** One file to fetch. */
export interface Transfer {
  url: string;
  /** Where its bytes go until they are all there and right. */
  part: string;
  bytes: number;
  /** What the listing says the bytes are; with neither, their number is all that can be held against it. */
  sha256: string | null;
  oid: string | null;
  /** Validator that the server gave with the bytes that are there; null when none are. */
  etag: string | null;
}

export interface TransferOptions {
  signal?: AbortSignal;
  patience?: Patience;
  /** Bytes of the file that are there. */
  onProgress?: (bytes: number) => void;
  /** The validator of what is being written: to be kept where it outlives a crash, before the first byte is. */
  onEtag?: (etag: string | null) => Promise<void>;
}

/** What the server sent is not the file that the listing tells of. */
class Damaged extends Error {}

/**
 * Fetches one file into its `.part` and checks it: the SHA-256 that the Hub lists for a large file, git's blob hash for a small
 * one. Goes on where an earlier try ended (`Range`, and `If-Range` so that bytes of two versions are never mixed); a `.part` whose
 * bytes turn out wrong is removed and fetched once more from the start.
 *
 * The library's own download hands out the body of one request and cannot go on after a cut, so that this part stands on plain
 * requests. Without its `Accept: application/vnd.xet-fileinfo+json` the Hub answers them with ordinary bytes, also for files in its
 * chunked storage.
 *
 * @returns The file's SHA-256.
 * Throws InputError, HubUnreachable or CancelledError; the `.part` stays for the next try, unless it was wrong.
 */
export async function fetchFile(net: Net, transfer: Transfer, asked: Asked, options: TransferOptions = {}): Promise<string> {
  const { signal, patience = {}, onProgress } = options;
  const name = shorten(asked.file ?? transfer.url);
  const digest = new Digest(transfer);
  let failures = 0;
  for (let damaged = 0; ;) {
    throwIfAborted(signal);
    let have = await sizeOf(transfer.part);
    if (have > transfer.bytes) {
      await rm(transfer.part, { force: true });
      have = 0;
    }
    await digest.catchUp(have, signal);
    onProgress?.(have);
    try {
      if (have < transfer.bytes || have === 0) await receive(net, transfer, asked, digest, have, options);
      const sha256 = digest.check(net.host, name);
      return sha256;
    } catch (error) {
      if (error instanceof Damaged) {
        await rm(transfer.part, { force: true });
        transfer.etag = null;
        await options.onEtag?.(null);
        if (damaged++ > 0)
          throw new InputError(`${error.message}: it was damaged or changed on the way, twice; what had arrived was removed.`);
        continue;
      }
      // Tries count while nothing comes: a line that is cut again and again but brings bytes each time arrives in the end.
      failures = (await sizeOf(transfer.part)) > have ? 1 : failures + 1;
      await waitOrThrow(error, failures, patience, signal);
    }
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

type Answer = Awaited<ReturnType<Net['get']>>;

/** One request: from byte `have` on, to the end or to where it is cut. */
async function receive(net: Net, transfer: Transfer, asked: Asked, digest: Digest, have: number, options: TransferOptions): Promise<void> {
  const { signal, onProgress, onEtag } = options;
  const headers: Record<string, string> = {};
  if (have > 0) {
    headers.range = `bytes=${have}-`;
    // A weak validator may not stand there (RFC 9110, section 13.1.5); the check sum tells in the end.
    if (transfer.etag !== null && !transfer.etag.startsWith('W/')) headers['if-range'] = transfer.etag;
  }
  const answer = await net.get(transfer.url, { headers, signal });
  let start: number;
  try {
    start = startOf(answer, transfer, asked, have);
  } catch (error) {
    await answer.body?.cancel();
    throw error;
  }
  const etag = answer.headers.get('etag');
  if (start === 0 || etag !== transfer.etag) {
    transfer.etag = etag;
    await onEtag?.(etag);
  }
  const file = await openPart(transfer.part);
  try {
    if (start === 0 && have > 0) {
      await file.truncate(0);
      digest.reset();
    }
    await pour(answer, file, start, transfer, asked, digest, { signal, onProgress });
    // What a crash of the machine can undo is worth a wait only where it took one to fetch; its size and sum tell in any case.
    if (transfer.bytes > 1 << 20) await file.sync();
  } finally {
    await file.close();
  }
}

/** Byte at which the answer's body begins. Throws for an answer that is none, or whose lengths do not fit the listing. */
function startOf(answer: Answer, { bytes, etag }: Transfer, asked: Asked, have: number): number {
  const { host } = asked;
  const file = shorten(asked.file ?? '');
  const number = (name: string): number | null => {
    const text = answer.headers.get(name);
    return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
  };
  // What is there is longer than the server's file, or belongs to another version.
  if (answer.status === 416) throw new Damaged(`${host} has no bytes of ${file} from ${have} on`);
  if (answer.status !== 200 && answer.status !== 206) throw refusal(answer, asked);
  const lies = (what: string): InputError =>
    new InputError(`${host} sends ${what} as ${file}, but the repository lists ${bytes} bytes: it was not taken.`);
  const length = answer.headers.has('content-encoding') ? null : number('content-length');
  if (answer.status === 200) {
    if (length !== null && length !== bytes) throw lies(`${length} bytes`);
    return 0;
  }
  const [, from, total] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(answer.headers.get('content-range') ?? '') ?? [];
  if (from === undefined || Number(from) !== have) throw lies('another part than was asked for');
  if (total !== '*' && Number(total) !== bytes) throw lies(`${total} bytes`);
  const now = answer.headers.get('etag');
  if (etag !== null && now !== null && now !== etag) throw new Damaged(`${file} of ${host} changed between two parts of it`);
  return have;
}

async function openPart(part: string): Promise<FileHandle> {
  try {
    return await open(part, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return open(part, 'wx+');
  }
}

async function pour(
  answer: Answer,
  file: FileHandle,
  start: number,
  { bytes }: Transfer,
  { host, file: name = '' }: Asked,
  digest: Digest,
  { signal, onProgress }: TransferOptions,
): Promise<void> {
  let at = start;
  const body = answer.body?.[Symbol.asyncIterator]() as AsyncIterator<Uint8Array> | undefined;
  while (body) {
    let next: IteratorResult<Uint8Array>;
    try {
      next = await body.next();
    } catch (error) {
      throwIfAborted(signal);
      throw unreachable(error, host);
    }
    if (next.done) break;
    const chunk = next.value;
    if (at + chunk.length > bytes) {
      await body.return?.();
      throw new Damaged(`${host} sends more than the ${bytes} bytes of ${shorten(name)}`);
    }
    await file.write(chunk, 0, chunk.length, at);
    digest.add(chunk);
    at += chunk.length;
    onProgress?.(at);
    throwIfAborted(signal);
  }
  if (at < bytes) throw new HubUnreachable(`The connection to ${host} was cut after ${at} of the ${bytes} bytes of ${shorten(name)}.`);
}

/** The check sums of what lies in a `.part`, kept up as it grows. */
class Digest {
  private sha256: Hash;
  private git: Hash | null;
  private at = 0;

  constructor(private readonly transfer: Transfer) {
    this.sha256 = createHash('sha256');
    this.git = this.startGit();
  }

  private startGit(): Hash | null {
    const { sha256, oid, bytes } = this.transfer;
    return sha256 === null && oid !== null ? createHash('sha1').update(`blob ${bytes}\0`) : null;
  }

  reset(): void {
    this.sha256 = createHash('sha256');
    this.git = this.startGit();
    this.at = 0;
  }

  add(chunk: Uint8Array): void {
    this.sha256.update(chunk);
    this.git?.update(chunk);
    this.at += chunk.length;
  }

  /** Reads what is there and was not seen: bytes of an earlier process. */
  async catchUp(have: number, signal?: AbortSignal): Promise<void> {
    if (have === this.at) return;
    this.reset();
    if (have === 0) return;
    for await (const chunk of createReadStream(this.transfer.part, { end: have - 1, highWaterMark: 1 << 20 })) {
      throwIfAborted(signal);
      this.add(chunk as Buffer);
    }
  }

  /** The SHA-256; throws Damaged when the sums are not those that were listed. The digest is used up. */
  check(host: string, name: string): string {
    const sha256 = this.sha256.digest('hex');
    const git = this.git?.digest('hex');
    this.reset();
    const { sha256: listed, oid } = this.transfer;
    if (listed !== null && sha256 !== listed)
      throw new Damaged(`${name} from ${host} has the SHA-256 ${sha256}, but the Hub lists ${listed}`);
    if (git !== undefined && git !== oid) throw new Damaged(`${name} from ${host} has the git hash ${git}, but the Hub lists ${oid}`);
    return sha256;
  }
}
