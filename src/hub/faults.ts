import { InputError } from '../errors.js';
import { shorten } from '../model/json.js';

/** A fault of the way to the server that may be gone at the next try: a cut connection, a silent or overloaded server. */
export class HubUnreachable extends Error {
  override readonly name = 'HubUnreachable';

  constructor(
    /** One sentence. */
    message: string,
    /** Seconds that the server asks to wait. */
    readonly retryAfter?: number,
    /** HTTP status, where there was an answer. */
    readonly status?: number,
  ) {
    super(message);
  }
}

/** What went wrong before there was an answer, in one sentence. Never the address, which may hold a signature. */
export function unreachable(error: unknown, host: string): Error {
  if (error instanceof InputError || error instanceof HubUnreachable) return error;
  const codes = causes(error);
  const has = (...wanted: string[]): boolean => codes.some((code) => wanted.some((part) => code.includes(part)));
  if (has('ENOTFOUND', 'EAI_AGAIN')) return new HubUnreachable(`${host} cannot be found: is this machine on line, and its name right?`);
  if (has('407')) return new InputError('The proxy asks for a user name and password, or refuses those it was given (407).');
  if (has('Proxy response'))
    return new HubUnreachable(`The proxy does not connect to ${host} (${/\((\d+)\)/.exec(codes.join(' '))?.[1] ?? 'refused'}).`);
  if (has('CERT', 'SELF_SIGNED', 'UNABLE_TO_VERIFY', 'ERR_TLS', 'ERR_SSL', 'EPROTO'))
    return new InputError(
      `${host} shows a certificate that is not trusted here (${codes.find((c) => /CERT|SELF|UNABLE|TLS|SSL|EPROTO/.test(c))}).`,
    );
  if (has('TIMEOUT', 'ETIMEDOUT')) return new HubUnreachable(`${host} does not answer (timed out).`);
  const code = codes.find((c) => /^[A-Z][A-Z0-9_]+$/.test(c));
  if (has('ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH')) return new HubUnreachable(`${host} cannot be reached (${code}).`);
  return new HubUnreachable(`The connection to ${host} was cut (${code ?? 'no reason given'}).`);
}

function causes(error: unknown): string[] {
  const found: string[] = [];
  for (let e = error; e instanceof Error && found.length < 20; e = e.cause) {
    const { code } = e as NodeJS.ErrnoException;
    if (code) found.push(code);
    found.push(e.message);
    if (e instanceof AggregateError) found.push(...e.errors.flatMap((one: unknown) => causes(one).slice(0, 2)));
  }
  return found;
}

/** What a server said with its status. */
export interface Refusal {
  status: number;
  headers: { get(name: string): string | null };
}

/** Whose answer it was and what had been asked for. */
export interface Asked {
  host: string;
  endpoint: string;
  hasToken: boolean;
  repo: string;
  revision: string;
  file?: string;
}

/** Seconds that a server asks to wait: `Retry-After` in seconds or as a date, or the reset in the Hub's own `RateLimit`. */
export function retryAfter({ headers }: Refusal, now = Date.now()): number | undefined {
  const text = headers.get('retry-after')?.trim();
  if (text && /^\d{1,9}$/.test(text)) return Number(text);
  if (text && !Number.isNaN(Date.parse(text))) return Math.max(0, Math.ceil((Date.parse(text) - now) / 1000));
  const reset = /\bt=(\d{1,9})\b/.exec(headers.get('ratelimit') ?? '')?.[1];
  return reset === undefined ? undefined : Number(reset);
}

/** An answer that is not what was asked for, in one sentence: InputError, or HubUnreachable for what another try may mend. */
export function refusal(answer: Refusal, asked: Asked): Error {
  const { status, headers } = answer;
  const { host, endpoint, hasToken, repo, revision, file } = asked;
  const code = headers.get('x-error-code') ?? '';
  const said = headers.get('x-error-message') ?? '';
  const token = hasToken ? 'use an access token that may read it' : 'set an access token';
  if (code === 'GatedRepo')
    return new InputError(
      `${repo} is gated: accept its terms at ${endpoint}/${repo}${hasToken ? ' with the account of your access token' : `, then ${token}`}.`,
    );
  if (code === 'RevisionNotFound') return new InputError(`${repo} has no revision ${shorten(revision)} on ${host}.`);
  if (code === 'EntryNotFound')
    return new InputError(`${repo} has no ${file ?? 'such file'} at the revision ${shorten(revision)} on ${host}.`);
  if (/disabled/i.test(said)) return new InputError(`${host} has disabled access to ${repo}.`);
  switch (status) {
    case 400:
      return new InputError(`${host} does not accept the request for ${repo} (400${said ? `: ${shorten(said)}` : ''}).`);
    case 401:
      if (hasToken && (code === '' || /invalid (credentials|username|token)/i.test(said)))
        return new InputError(`${host} does not accept the access token: it is wrong, expired or has been revoked; set another.`);
      return new InputError(`${host} has no model ${repo}, or it is private: check the name, or ${token}.`);
    case 403:
      return new InputError(`${host} does not allow access to ${repo} (403${said ? `: ${shorten(said)}` : ''}): ${token}.`);
    case 404:
      return new InputError(
        file === undefined || code === 'RepoNotFound'
          ? `${host} has no model ${repo}${hasToken ? '' : ' (or it is private: then set an access token)'}.`
          : `${repo} has no ${file} at the revision ${shorten(revision)} on ${host}.`,
      );
    case 407:
      return new InputError('The proxy asks for a user name and password, or refuses those it was given (407).');
    case 429: {
      const wait = retryAfter(answer);
      const when = wait === undefined ? 'try again in some minutes' : `try again in ${wait} s`;
      return new HubUnreachable(
        `${host} limits how often it is asked (429): ${when}${hasToken ? '' : ', or set an access token'}.`,
        wait,
        status,
      );
    }
    default:
      return status >= 500
        ? new HubUnreachable(`${host} cannot serve ${repo} at the moment (${status}): try again later.`, retryAfter(answer), status)
        : new InputError(`${host} answers ${status}${said ? ` (${shorten(said)})` : ''} where ${file ?? repo} was asked for.`);
  }
}
