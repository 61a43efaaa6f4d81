import type { AddedModel } from '../model/downloaded.js';
import type { HubReference } from '../model/reference.js';
import type { Check } from './checks.js';
import type { DownloadProgress } from './download.js';
import type { Inspection } from './inspect.js';
import type { NetOptions } from './net.js';
import type { Plan } from './plan.js';
import type { Origin } from './shelf.js';

/**
 * The boundary between the extension host and the thread that looks after models: there files are hashed, tokenizers read and bytes
 * fetched, so that the host, which other extensions share, waits for none of it.
 */
export interface ModelRow {
  id: string;
  path: string;
  origin: Origin;
  /** Where it was downloaded from; null for others. */
  source: { repo: string; revision: string; commit: string; endpoint: string; licence: string | null } | null;
}

/** A download that is not finished. */
export interface DownloadRow {
  id: string;
  reference: HubReference;
  received: number;
  bytes: number;
  /** A program is at it now (perhaps another window). */
  busy: boolean;
  /** Why it stopped, in one sentence; null: it was paused or cut off. */
  fault: string | null;
}

export interface Shelf {
  folder: string;
  models: ModelRow[];
  downloads: DownloadRow[];
}

/** Every request: what it takes and gives. */
export interface HubMethods {
  shelf: { params: Record<string, never>; result: Shelf };
  inspect: { params: { path: string }; result: { inspection: Inspection; check: Check } };
  verify: { params: { path: string }; result: Check & { sums: Record<string, string> } };
  /** `choices`: the repository holds several GGUF files, one of which has to be named. */
  plan: {
    params: { reference: HubReference; net: NetOptions };
    result: { plan: Plan; free: number; here: boolean } | { choices: { file: string; bytes: number }[] };
  };
  /** Aborting pauses. */
  download: { params: { plan: Plan; net: NetOptions }; result: { id: string; path: string } };
  resume: { params: { reference: HubReference; net: NetOptions }; result: { id: string; path: string } };
  cancel: { params: { reference: HubReference }; result: null };
  remove: { params: { id: string }; result: null };
  add: { params: { path: string }; result: AddedModel };
}

export type HubMethod = keyof HubMethods;

export type HubEvent = ({ kind: 'download' } & DownloadProgress) | { kind: 'progress'; stage: string; done: number; total: number };

export type ToHub =
  | { [M in HubMethod]: { type: 'request'; id: number; method: M; params: HubMethods[M]['params'] } }[HubMethod]
  | { type: 'abort'; id: number };

export type FromHub =
  | { type: 'reply'; id: number; result: unknown }
  | { type: 'error'; id: number; error: { kind: 'input' | 'cancelled' | 'fault'; message: string } }
  | { type: 'event'; id: number; event: HubEvent };

const METHODS: Readonly<Record<HubMethod, true>> = {
  shelf: true,
  inspect: true,
  verify: true,
  plan: true,
  download: true,
  resume: true,
  cancel: true,
  remove: true,
  add: true,
};

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);

/** True for a message that this version of the host sends. */
export function isToHub(message: unknown): message is ToHub {
  if (!isObject(message) || !Number.isSafeInteger(message.id)) return false;
  if (message.type === 'abort') return true;
  return message.type === 'request' && Object.hasOwn(METHODS, String(message.method)) && isObject(message.params);
}

/** True for a message that this version of the thread sends. */
export function isFromHub(message: unknown): message is FromHub {
  if (!isObject(message) || !Number.isSafeInteger(message.id)) return false;
  switch (message.type) {
    case 'reply':
      return 'result' in message;
    case 'error':
      return (
        isObject(message.error) &&
        typeof message.error.message === 'string' &&
        ['input', 'cancelled', 'fault'].includes(String(message.error.kind))
      );
    case 'event':
      return isObject(message.event) && ['download', 'progress'].includes(String(message.event.kind));
    default:
      return false;
  }
}
