import { listFiles, modelInfo } from '@huggingface/hub';
import { CancelledError, InputError } from '../errors.js';
import { shorten, show } from '../model/json.js';
import { isRepoId, type HubReference } from '../model/reference.js';
import { HubUnreachable, refusal, unreachable, type Asked } from './faults.js';
import { HUB, type Net } from './net.js';
import { patiently, type Patience } from './patience.js';

/** A file as the Hub lists it. */
export interface ListedFile {
  path: string;
  bytes: number;
  /** SHA-256 of a file in large-file storage; null for a small one. */
  sha256: string | null;
  /** Git's blob hash, SHA-1 over `blob SIZE\0` and the bytes; null where the listing gives none. */
  oid: string | null;
}

/** A repository at one commit. */
export interface Repository {
  /** As the Hub itself writes it: a renamed one has its new name, `gpt2` is `openai-community/gpt2`. */
  repo: string;
  revision: string;
  commit: string;
  licence: string | null;
  files: ListedFile[];
}

/** More than any model has; a listing without end is stopped. */
const MAX_FILES = 20_000;
const MAX_ANSWER = 32 * 2 ** 20;

export interface AskOptions {
  signal?: AbortSignal;
  patience?: Patience;
}

/**
 * Asks the Hub what a repository is and holds: two kinds of requests, the revision and the tree at its commit (page by page).
 * Throws InputError or HubUnreachable, in one sentence.
 */
export async function readRepository(net: Net, reference: HubReference, { signal, patience = {} }: AskOptions = {}): Promise<Repository> {
  const { repo, revision } = reference;
  const asked: Asked = { host: net.host, endpoint: net.endpoint, hasToken: net.hasToken, repo, revision };
  const hub = { hubUrl: net.endpoint, fetch: fetchOf(net, asked, signal) };
  try {
    const info = await patiently(
      () => modelInfo({ name: repo, revision, additionalFields: ['sha', 'tags', 'cardData'], ...hub }),
      patience,
      signal,
    );
    const commit: unknown = info.sha;
    if (typeof commit !== 'string' || !/^[0-9a-f]{40,64}$/.test(commit)) throw strange(net, `a commit for ${repo}`);
    const name: unknown = info.name;
    const canonical = typeof name === 'string' && isRepoId(name) ? name : repo;
    const files = await patiently(() => listing(net, canonical, commit, hub), patience, signal);
    return { repo: canonical, revision, commit, licence: licenceOf(info), files };
  } catch (error) {
    if (error instanceof Missing) throw (await otherKind(net, asked, signal)) ?? error.sentence;
    if (error instanceof InputError || error instanceof HubUnreachable || error instanceof CancelledError) throw error;
    // The library throws what it stumbles over: an answer that is not JSON, or is not what the Hub's API gives.
    throw strange(net, `what ${repo} is`);
  }
}

async function listing(
  net: Net,
  repo: string,
  revision: string,
  hub: Pick<Parameters<typeof listFiles>[0], 'fetch' | 'hubUrl'>,
): Promise<ListedFile[]> {
  const files: ListedFile[] = [];
  for await (const entry of listFiles({ repo, revision, recursive: true, ...hub })) {
    if (entry?.type === 'directory') continue;
    if (files.length === MAX_FILES) throw new InputError(`${net.host} lists more than ${MAX_FILES} files for ${repo}: that is no model.`);
    files.push(listedFile(entry, net, repo));
  }
  return files;
}

/** Checks one entry of a listing: what a server says is not to be trusted with a path on this machine. */
function listedFile(entry: unknown, net: Net, repo: string): ListedFile {
  const { path, size, oid, lfs } = (entry ?? {}) as {
    path?: unknown;
    size?: unknown;
    oid?: unknown;
    lfs?: { oid?: unknown; size?: unknown };
  };
  if (typeof path !== 'string' || path === '') throw strange(net, `the files of ${repo}`);
  if (leavesFolder(path))
    throw new InputError(
      `${net.host} lists the file ${show(path)} for ${repo}, a name that leads out of the model's folder: nothing was downloaded.`,
    );
  const bytes = lfs?.size ?? size;
  if (!Number.isSafeInteger(bytes) || (bytes as number) < 0)
    throw new InputError(`${net.host} gives ${shorten(path)} the impossible size ${show(bytes)}.`);
  const sha256 = typeof lfs?.oid === 'string' ? lfs.oid.replace(/^sha256:/, '').toLowerCase() : null;
  if (sha256 !== null && !/^[0-9a-f]{64}$/.test(sha256)) throw new InputError(`${net.host} gives ${shorten(path)} a SHA-256 that is none.`);
  return {
    path,
    bytes: bytes as number,
    sha256,
    oid: sha256 === null && typeof oid === 'string' && /^[0-9a-f]{40}$/i.test(oid) ? oid.toLowerCase() : null,
  };
}

function leavesFolder(path: string): boolean {
  // eslint-disable-next-line no-control-regex
  return /^[\\/]|^[A-Za-z]:|\\|[\u0000-\u001f]/.test(path) || path.split('/').some((part) => part === '..' || part === '.');
}

function licenceOf({ cardData, tags }: { cardData?: unknown; tags?: unknown }): string | null {
  const card = (cardData as { license?: unknown } | undefined)?.license;
  const named: unknown[] = Array.isArray(card) ? card : [card];
  const tagged = Array.isArray(tags) ? tags.find((tag) => typeof tag === 'string' && tag.startsWith('license:')) : undefined;
  const found =
    named.find((one): one is string => typeof one === 'string' && one !== '') ?? (tagged as string | undefined)?.slice('license:'.length);
  return found === undefined ? null : shorten(found, 80);
}

function strange(net: Net, what: string): InputError {
  return new InputError(`${net.host} does not answer as the Hub does when it is asked for ${what}: is it a Hub's address?`);
}

/** No such repository, with the sentence for it unless it turns out to be of another kind. */
class Missing extends Error {
  constructor(readonly sentence: Error) {
    super(sentence.message);
  }
}

/** A dataset or a space by this name, in one sentence; undefined when there is none either. */
async function otherKind(net: Net, { repo }: Asked, signal?: AbortSignal): Promise<InputError | undefined> {
  for (const kind of ['dataset', 'space']) {
    const answer = await net.get(`${net.endpoint}/api/${kind}s/${repo}`, { signal }).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return new InputError(`${repo} is a ${kind} on ${net.host}, not a model.`);
  }
  return undefined;
}

/** The endpoint's requests as the library's `fetch`: refusals become sentences here, where their headers are. */
function fetchOf(net: Net, asked: Asked, signal?: AbortSignal): typeof fetch {
  return (async (input: string | URL, init?: { headers?: Record<string, string> }) => {
    // A mirror hands on links of the Hub that it mirrors.
    const url = String(input).replace(new RegExp(`^${HUB}(?=/)`), net.endpoint);
    const answer = await net.get(url, { headers: init?.headers, signal });
    if (!answer.ok) {
      const sentence = refusal(answer, asked);
      await answer.body?.cancel();
      const code = answer.headers.get('x-error-code');
      const missing = [401, 404].includes(answer.status) && (code === null || code === 'RepoNotFound');
      throw missing ? new Missing(sentence) : sentence;
    }
    return new Response(await limitedBody(answer, asked), { status: answer.status, headers: [...answer.headers] as [string, string][] });
  }) as typeof fetch;
}

type Answer = Awaited<ReturnType<Net['get']>>;

/** The whole body of a small answer; more than `limit` bytes are refused before they fill the memory. */
export async function limitedBody(answer: Answer, { host, repo }: Pick<Asked, 'host' | 'repo'>, limit = MAX_ANSWER): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer.body ?? []) {
      bytes += (chunk as Uint8Array).length;
      if (bytes > limit) throw new InputError(`${host} answers with more than ${limit} bytes where ${repo} was asked for.`);
      chunks.push(chunk as Uint8Array);
    }
  } catch (error) {
    throw unreachable(error, host);
  }
  return Buffer.concat(chunks);
}
