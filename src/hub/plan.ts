import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InputError } from '../errors.js';
import { parseJsonObject } from '../model/json.js';
import { referenceId, type HubReference } from '../model/reference.js';
import { chooseFiles, INDEX, shardsOf, type Choice } from './choose.js';
import { refusal, unreachable, type Asked } from './faults.js';
import type { Net } from './net.js';
import { patiently } from './patience.js';
import { GGUF_PEEK, peekConfig, peekGguf, type Peek } from './peek.js';
import { limitedBody, readRepository, type AskOptions, type ListedFile, type Repository } from './repository.js';
import { sizeText } from './size.js';

/** What is about to be downloaded, all of it known before the first weight is asked for. */
export interface Plan {
  /** What shells will call it. */
  id: string;
  reference: HubReference;
  commit: string;
  endpoint: string;
  licence: string | null;
  family: string;
  /** In the order in which they are fetched: what is small comes first. */
  files: ListedFile[];
  bytes: number;
}

const MAX_SMALL = 64 * 2 ** 20;

/** Address of a file's bytes at a commit. */
export function fileUrl(net: Net, repo: string, commit: string, path: string): string {
  return `${net.endpoint}/${repo}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * Finds out what a reference stands for: commit, files, sizes, family, licence. What cannot be run is refused here, from its
 * config.json or the first kilobytes of its GGUF. Throws InputError or HubUnreachable, in one sentence.
 */
export async function planDownload(net: Net, reference: HubReference, options: AskOptions = {}): Promise<Plan> {
  const repository = await readRepository(net, reference, options);
  const choice = chooseFiles(repository, reference.file);
  const { family } = await peek(net, repository, choice, options);
  const files = [...choice.small, ...(await weightsOf(net, repository, choice, options))];
  const own = {
    repo: repository.repo,
    revision: reference.revision,
    file: choice.kind === 'gguf' ? (reference.file ?? choice.weights[0]!.path) : null,
  };
  return {
    id: referenceId(own),
    reference: own,
    commit: repository.commit,
    endpoint: net.endpoint,
    licence: repository.licence,
    family,
    files,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

async function weightsOf(net: Net, repository: Repository, choice: Choice, options: AskOptions): Promise<ListedFile[]> {
  if (choice.kind !== 'sharded') return choice.weights;
  const bytes = await small(net, repository, choice.index, options);
  const what = `The ${INDEX} of ${repository.repo}`;
  return [choice.index, ...shardsOf(parseJsonObject(bytes, what, INDEX), choice.listed, repository.repo)];
}

async function peek(net: Net, repository: Repository, choice: Choice, options: AskOptions): Promise<Peek> {
  if (choice.kind === 'gguf') {
    const [gguf] = choice.weights as [ListedFile];
    return peekGguf(await read(net, repository, gguf, options, GGUF_PEEK), gguf.path);
  }
  const config = choice.small.find(({ path }) => path === 'config.json')!;
  return peekConfig(await small(net, repository, config, options), repository.repo);
}

/** A small file, whole and in memory. */
async function small(net: Net, repository: Repository, file: ListedFile, options: AskOptions): Promise<Buffer> {
  if (file.bytes > MAX_SMALL)
    throw new InputError(`${file.path} of ${repository.repo} has ${file.bytes} bytes, more than the ${MAX_SMALL} that are read.`);
  return read(net, repository, file, options);
}

/** A file's bytes, or its first ones. */
function read(net: Net, { repo, commit }: Repository, { path, bytes }: ListedFile, options: AskOptions, first?: number): Promise<Buffer> {
  const { signal, patience = {} } = options;
  const asked: Asked = { host: net.host, endpoint: net.endpoint, hasToken: net.hasToken, repo, revision: commit, file: path };
  const wanted = first === undefined ? bytes : Math.min(first, bytes);
  return patiently(
    async () => {
      const headers: Record<string, string> = first === undefined ? {} : { range: `bytes=0-${wanted - 1}` };
      const answer = await net.get(fileUrl(net, repo, commit, path), { headers, signal });
      if (!answer.ok) {
        await answer.body?.cancel();
        throw refusal(answer, asked);
      }
      if (first === undefined) return limitedBody(answer, asked, MAX_SMALL);
      return beginning(answer, asked, wanted);
    },
    patience,
    signal,
  );
}

/** A server that knows no ranges sends all of it: the rest is not waited for. */
async function beginning(answer: Awaited<ReturnType<Net['get']>>, { host }: Asked, wanted: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer.body ?? []) {
      chunks.push(chunk as Uint8Array);
      bytes += (chunk as Uint8Array).length;
      if (bytes >= wanted) break;
    }
  } catch (error) {
    throw unreachable(error, host);
  }
  return Buffer.concat(chunks).subarray(0, wanted);
}

/** Left free beside a download, so that the machine does not stand still for it. */
const MARGIN = 64 * 2 ** 20;

/** Bytes that the disk of a folder, which need not be there yet, has free for this user. */
export async function freeBytes(folder: string): Promise<number> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      const { bavail, bsize } = await statfs(at);
      return bavail * bsize;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(at) === at) throw error;
    }
  }
}

/** Throws InputError when what is still to come does not fit on the disk. */
export async function checkDisk(folder: string, id: string, needed: number, free = freeBytes): Promise<void> {
  const there = await free(folder);
  if (needed + MARGIN <= there) return;
  throw new InputError(
    `${id} needs ${sizeText(needed)} more, but the disk of ${folder} has only ${sizeText(there)} free: make room, or choose another folder for models.`,
    { file: folder },
  );
}
