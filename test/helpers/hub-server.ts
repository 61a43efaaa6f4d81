import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** What a server may do wrong with one answer. */
export interface Fault {
  /** Bytes of the body after which the connection is cut. */
  cut?: number;
  /** Index into the file of a byte that is changed on the way. */
  corrupt?: number;
  /** Status in place of the answer, with these headers. */
  status?: number;
  headers?: Record<string, string>;
  /** Content-Length in place of the right one. */
  length?: number;
  /** Bytes per second. */
  throttle?: number;
  /** Bytes that follow the file's own, with no Content-Length. */
  extra?: number;
  /** Range is not known: the whole file comes, with 200. */
  ignoreRange?: boolean;
  /** The answer never comes. */
  silent?: boolean;
}

export interface HubRepo {
  files: Record<string, Buffer>;
  commit?: string;
  /** Further revisions: name → files. */
  revisions?: Record<string, Record<string, Buffer>>;
  licence?: string;
  gated?: boolean;
  private?: boolean;
  /** In place of what the listing would say. */
  listing?: (entries: TreeEntry[]) => unknown;
}

export interface TreeEntry {
  type: 'file' | 'directory';
  path: string;
  size: number;
  oid: string;
  lfs?: { oid: string; size: number; pointerSize: number };
}

export interface HubServerOptions {
  repos: Record<string, HubRepo>;
  datasets?: string[];
  token?: string;
  /** Entries per page of a listing. Default 2, so that every listing has several. */
  page?: number;
}

export interface Seen {
  method: string;
  /** `api`, `hub` (a resolve address) or `cdn`. */
  where: 'api' | 'hub' | 'cdn';
  url: string;
  headers: IncomingMessage['headers'];
}

/** Files larger than this lie in large-file storage, as on the Hub (there: by .gitattributes). */
const LARGE = 64 * 1024;

/**
 * A Hugging Face Hub on this machine: the API's revision and tree (in pages, with large-file hashes), `resolve` addresses that answer
 * small files themselves and redirect large ones to another port as the real one redirects to its CDN, HEAD, Range, If-Range, ETags,
 * error codes. `fault` may spoil any answer.
 */
export class HubServer {
  readonly seen: Seen[] = [];
  /** Asked for each answer that carries a file, or (with `file` null) each answer of the API. */
  fault: (request: { file: string | null; range: string | undefined; count: number }) => Fault | undefined = () => undefined;
  private readonly counts = new Map<string, number>();

  private constructor(
    private readonly options: HubServerOptions,
    private readonly hub: Server,
    private readonly cdn: Server,
  ) {}

  static async start(options: HubServerOptions): Promise<HubServer> {
    const hub = createServer();
    const cdn = createServer();
    for (const server of [hub, cdn]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const self = new HubServer(options, hub, cdn);
    hub.on('request', (request, response) => void self.serveHub(request, response));
    cdn.on('request', (request, response) => void self.serveCdn(request, response));
    return self;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.hub.address() as AddressInfo).port}`;
  }

  get repos(): Record<string, HubRepo> {
    return this.options.repos;
  }

  private get cdnUrl(): string {
    // Another host name and another port.
    return `http://localhost:${(this.cdn.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const server of [this.hub, this.cdn]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  private async serveHub(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.endpoint);
    const isApi = url.pathname.startsWith('/api/');
    this.seen.push({ method: request.method ?? '', where: isApi ? 'api' : 'hub', url: url.href, headers: request.headers });
    if (isApi) {
      const fault = this.fault({ file: null, range: undefined, count: this.count('api') });
      if (fault?.silent) return;
      if (fault?.status) return end(response, fault.status, fault.headers);
    }
    const [, kind, rest] = /^\/api\/(models|datasets|spaces)\/(.+)$/.exec(url.pathname) ?? [];
    if (kind === 'datasets' && this.options.datasets?.includes(rest!)) return end(response, 200, {}, '{}');
    if (kind !== undefined && kind !== 'models') return end(response, 404, { 'x-error-code': 'RepoNotFound' });
    const parsed =
      /^\/api\/models\/(?<repo>.+?)\/(?<what>revision|tree)\/(?<revision>[^/]+)$/.exec(url.pathname) ??
      /^\/(?<repo>.+?)\/(?<what>resolve)\/(?<revision>[^/]+)\/(?<file>.+)$/.exec(url.pathname);
    const { repo: name = '', what, revision: encoded = '', file } = parsed?.groups ?? {};
    const revision = decodeURIComponent(encoded);
    const repo = this.options.repos[name];
    const { token } = this.options;
    const known = token !== undefined && request.headers.authorization === `Bearer ${token}`;
    if (request.headers.authorization !== undefined && !known)
      return end(response, 401, { 'x-error-message': 'Invalid credentials in Authorization header' });
    if (!repo || (repo.private && !known)) return end(response, known ? 404 : 401, { 'x-error-code': 'RepoNotFound' });
    if (repo.gated && !known && what !== 'tree' && file !== undefined)
      return end(response, 401, { 'x-error-code': 'GatedRepo', 'x-error-message': `Access to model ${name} is restricted.` });
    const files = revision === 'main' || revision === commitOf(repo) ? repo.files : filesOf(repo, revision);
    if (!files) return end(response, 404, { 'x-error-code': 'RevisionNotFound', 'x-error-message': `Invalid rev id: ${revision}` });
    const commit = revision === 'main' ? commitOf(repo) : revisionCommit(revision);
    if (what === 'revision') return this.info(response, name, repo, commit);
    if (what === 'tree') return this.tree(response, url, repo, files);
    const path = decodeURIComponent(file ?? '');
    const bytes = files[path];
    if (!bytes) return end(response, 404, { 'x-error-code': 'EntryNotFound', 'x-error-message': 'Entry not found' });
    if (bytes.length <= LARGE) return this.body(request, response, path, bytes, `"${gitOid(bytes)}"`, { 'x-repo-commit': commit });
    response.writeHead(302, {
      location: `${this.cdnUrl}/${sha256(bytes)}?path=${encodeURIComponent(path)}&Signature=secret`,
      'x-repo-commit': commit,
      'x-linked-size': String(bytes.length),
      'x-linked-etag': `"${sha256(bytes)}"`,
      'accept-ranges': 'bytes',
    });
    response.end();
  }

  private serveCdn(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.cdnUrl);
    this.seen.push({ method: request.method ?? '', where: 'cdn', url: url.href, headers: request.headers });
    const path = url.searchParams.get('path') ?? '';
    const all = Object.values(this.options.repos).flatMap((repo) => [repo.files, ...Object.values(repo.revisions ?? {})]);
    const bytes = all.map((files) => files[path]).find((one) => one && `/${sha256(one)}` === url.pathname);
    if (!bytes) return end(response, 403);
    void this.body(request, response, path, bytes, `"${createHash('md5').update(bytes).digest('hex')}"`, {});
  }

  private info(response: ServerResponse, name: string, repo: HubRepo, sha: string): void {
    const licence = repo.licence ?? 'mit';
    const body = {
      _id: '1',
      id: name,
      sha,
      private: repo.private ?? false,
      gated: repo.gated ? 'auto' : false,
      downloads: 0,
      likes: 0,
      lastModified: '2026-01-01T00:00:00.000Z',
      tags: [`license:${licence}`],
      cardData: { license: licence },
    };
    end(response, 200, { 'content-type': 'application/json' }, JSON.stringify(body));
  }

  private tree(response: ServerResponse, url: URL, repo: HubRepo, files: Record<string, Buffer>): void {
    const entries = Object.entries(files).map(([path, bytes]): TreeEntry => {
      const large = bytes.length > LARGE ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } } : {};
      return { type: 'file', path, size: bytes.length, oid: gitOid(bytes), ...large };
    });
    const said = repo.listing ? repo.listing(entries) : entries;
    if (!Array.isArray(said)) return end(response, 200, { 'content-type': 'application/json' }, JSON.stringify(said));
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const to = from + (this.options.page ?? 2);
    url.searchParams.set('cursor', String(to));
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (to < said.length) headers.link = `<${url.href}>; rel="next"`;
    end(response, 200, headers, JSON.stringify(said.slice(from, to)));
  }

  private count(key: string): number {
    const count = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, count);
    return count;
  }

  private async body(
    request: IncomingMessage,
    response: ServerResponse,
    file: string,
    whole: Buffer,
    etag: string,
    more: Record<string, string>,
  ): Promise<void> {
    const { range } = request.headers;
    const fault = this.fault({ file, range, count: this.count(file) }) ?? {};
    if (fault.silent) return;
    if (fault.status) return end(response, fault.status, fault.headers);
    const bytes = Buffer.from(whole);
    if (fault.corrupt !== undefined) bytes[fault.corrupt] = (bytes[fault.corrupt] ?? 0) ^ 0xff;
    const headers: Record<string, string> = { etag, 'accept-ranges': 'bytes', ...more, ...fault.headers };
    const condition = request.headers['if-range'];
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
    let body = bytes;
    let status = 200;
    if (first !== undefined && !fault.ignoreRange && (condition === undefined || condition === headers.etag)) {
      const [from, to] = [Number(first), last ? Math.min(Number(last), bytes.length - 1) : bytes.length - 1];
      if (from >= bytes.length) return end(response, 416, { 'content-range': `bytes */${bytes.length}` });
      body = bytes.subarray(from, to + 1);
      status = 206;
      headers['content-range'] ??= `bytes ${from}-${to}/${bytes.length}`;
    }
    if (fault.extra) body = Buffer.concat([body, Buffer.alloc(fault.extra)]);
    else headers['content-length'] = String(fault.length ?? body.length);
    response.writeHead(status, headers);
    if (request.method === 'HEAD') return void response.end();
    const end_ = Math.min(fault.cut ?? body.length, body.length);
    const slice = fault.throttle ? Math.max(1, Math.round(fault.throttle / 20)) : 1 << 20;
    for (let at = 0; at < end_ && !response.destroyed; at += slice) {
      await new Promise<void>((resolve) => response.write(body.subarray(at, Math.min(at + slice, end_)), () => resolve()));
      if (fault.throttle) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (fault.cut !== undefined && fault.cut < body.length) {
      // What was sent is to arrive: a client drops what it has not read when the connection breaks.
      await new Promise((resolve) => setTimeout(resolve, 40));
      return void response.destroy();
    }
    response.end();
  }
}

/** The files of a folder as a repository. */
export function folderFiles(folder: string): Record<string, Buffer> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Git's hash of a blob. */
export function gitOid(bytes: Uint8Array): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

const DEFAULT_COMMIT = 'c0'.repeat(20);

function commitOf(repo: HubRepo): string {
  return repo.commit ?? DEFAULT_COMMIT;
}

function revisionCommit(revision: string): string {
  return /^[0-9a-f]{40}$/.test(revision) ? revision : createHash('sha1').update(revision).digest('hex');
}

function filesOf(repo: HubRepo, revision: string): Record<string, Buffer> | undefined {
  const named = Object.entries(repo.revisions ?? {}).find(([name]) => name === revision || revisionCommit(name) === revision);
  return named?.[1];
}

function end(response: ServerResponse, status: number, headers: Record<string, string> = {}, body = ''): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}
