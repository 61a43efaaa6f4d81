import { rootCertificates } from 'node:tls';
import * as tls from 'node:tls';
import { Agent, EnvHttpProxyAgent, fetch as undiciFetch, type Dispatcher, type Response } from 'undici';
import { InputError, throwIfAborted } from '../errors.js';
import { HubUnreachable, unreachable } from './faults.js';

export const HUB = 'https://huggingface.co';

/** How the Hub is reached. */
export interface NetOptions {
  /** Base address of the Hub or a mirror; default: the Hugging Face Hub. */
  endpoint?: string;
  /** Access token. It goes to the endpoint alone: not to where it redirects, not unencrypted over a network. */
  token?: string;
  proxy?: ProxyOptions;
  /** Milliseconds without a sign of the server after which a request is given up. Default 60,000. */
  timeout?: number;
}

export interface ProxyOptions {
  /** `http://host:port`; default: what HTTPS_PROXY and HTTP_PROXY say. */
  url?: string;
  /** Hosts that are reached without it, as in NO_PROXY; default: NO_PROXY. */
  except?: readonly string[];
  /** Value of Proxy-Authorization. */
  authorization?: string;
  /** False: certificates of the servers are not checked (VS Code's `http.proxyStrictSSL`). */
  strict?: boolean;
  /** True: no proxy, whatever the environment says. */
  off?: boolean;
}

export interface GetOptions {
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Requests to one endpoint. Nothing is sent before `get` is called. */
export interface Net {
  /** Without a slash at the end. */
  readonly endpoint: string;
  /** Host, and port where it is not the usual one, for messages. */
  readonly host: string;
  readonly hasToken: boolean;
  /** One GET; redirects are followed. Throws HubUnreachable (worth another try) or InputError; an answer of any status is returned. */
  get(url: string, options?: GetOptions): Promise<Response>;
  close(): Promise<void>;
}

const MAX_REDIRECTS = 5;

export function openNet({ endpoint = HUB, token, proxy = {}, timeout = 60_000 }: NetOptions = {}): Net {
  const base = parseEndpoint(endpoint);
  const secret = token !== undefined && mayCarry(base) ? checkToken(token) : undefined;
  const dispatcher = makeDispatcher(base, proxy, timeout);

  async function get(url: string, { headers = {}, signal }: GetOptions = {}): Promise<Response> {
    let at = new URL(url);
    for (let hop = 0; ; hop++) {
      throwIfAborted(signal);
      const own: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'symbolic-residue', ...headers };
      if (secret !== undefined && at.origin === base.origin) own.authorization = `Bearer ${secret}`;
      let response: Response;
      try {
        response = await undiciFetch(at, { headers: own, redirect: 'manual', signal, dispatcher });
      } catch (error) {
        throwIfAborted(signal);
        throw unreachable(error, at.host);
      }
      const location = response.headers.get('location');
      if (response.status < 300 || response.status > 399 || location === null) return response;
      await response.body?.cancel();
      if (hop === MAX_REDIRECTS) throw new InputError(`${base.host} redirects in circles: more than ${MAX_REDIRECTS} times for one file.`);
      at = redirected(at, location);
    }
  }

  return {
    endpoint: base.href.replace(/\/+$/, ''),
    host: base.host,
    hasToken: secret !== undefined,
    get,
    close: () => dispatcher.destroy().catch(() => undefined),
  };
}

/** Throws InputError, which does not repeat what might hold a password. */
export function parseEndpoint(text: string): URL {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    throw new InputError('The endpoint of the Hub is not an address: write https://HOST.');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new InputError(`The endpoint of the Hub begins with ${url.protocol}, but must begin with https:// (or http://).`);
  if (url.username || url.password)
    throw new InputError('The endpoint of the Hub has a user name or password in it; set an access token instead.');
  if (url.search || url.hash) throw new InputError('The endpoint of the Hub must be a plain address, without ? or #.');
  return url;
}

/** A token travels encrypted, or not over a network at all. */
export function mayCarry({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

function checkToken(token: string): string {
  if (/^[\x21-\x7e]{1,500}$/.test(token)) return token;
  throw new InputError('The access token has characters in it that no token has: set it anew.');
}

function redirected(from: URL, location: string): URL {
  let to: URL;
  try {
    to = new URL(location, from);
  } catch {
    throw new InputError(`${from.host} redirects to what is not an address.`);
  }
  if (to.protocol !== 'https:' && to.protocol !== 'http:')
    throw new InputError(`${from.host} redirects to ${to.protocol}, which is not followed.`);
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw new InputError(`${from.host} redirects from https to unencrypted http (${to.host}), which is not followed.`);
  return to;
}

/**
 * Node's own fetch knows no proxy. Certificates that the system trusts count too where Node can read them: a company's proxy
 * often speaks with its own.
 */
function makeDispatcher({ protocol }: URL, proxy: ProxyOptions, timeout: number): Dispatcher {
  const ca = protocol === 'https:' ? systemCertificates() : undefined;
  const secure = { ...(ca ? { ca } : {}), ...(proxy.strict === false ? { rejectUnauthorized: false } : {}) };
  const times = { headersTimeout: timeout, bodyTimeout: timeout };
  const connect = { timeout: Math.min(timeout, 20_000), ...secure };
  if (proxy.off) return new Agent({ ...times, connect });
  try {
    const url = proxy.url ? asUrl(proxy.url) : undefined;
    return new EnvHttpProxyAgent({
      ...times,
      connect,
      requestTls: connect,
      proxyTls: connect,
      // Plain http is asked of the proxy as such: many refuse to tunnel to port 80.
      proxyTunnel: false,
      ...(url ? { httpProxy: url, httpsProxy: url } : {}),
      ...(proxy.except?.length ? { noProxy: proxy.except.join(',') } : {}),
      ...(proxy.authorization ? { token: proxy.authorization } : {}),
    });
  } catch {
    throw new InputError('The proxy is not an address: write http://HOST:PORT (setting http.proxy, or HTTP_PROXY and HTTPS_PROXY).');
  }
}

function asUrl(text: string): string {
  return new URL(/^[a-z][a-z0-9]*:\/\//i.test(text) ? text : `http://${text}`).href;
}

/** Node's own certificates and the system's, from the Node versions on that can read those; undefined: Node's own alone. */
function systemCertificates(): string[] | undefined {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'system' | 'extra') => string[] };
  if (!getCACertificates) return undefined;
  const more = [...getCACertificates('system'), ...getCACertificates('extra')];
  return more.length > 0 ? [...rootCertificates, ...more] : undefined;
}

export { HubUnreachable };
