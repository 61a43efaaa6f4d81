import type { EncodedToken, ModelFile } from '../model/types.js';
import type { ModelSpec } from '../model/spec.js';
import type { Dose } from '../shell/chosen.js';
import type { Edit, EngineInfo, GenerateResult, LensRequest, LensResult, NdArray } from './api.js';

/**
 * The boundary between a client and the engine's process, in one place. Messages travel by Node's IPC channel with
 * `serialization: 'advanced'`, so typed arrays cross as they are. What a client sends is checked field by field before
 * anything is done with it (requests.ts); a message that fails is answered with an error and changes nothing.
 */
export const PROTOCOL_VERSION = 1;

/** How a model is opened. Two requests with the same path and settings share one open model. */
export interface ModelSettings {
  /** Execution provider: `cpu` (default) or one that `info` lists. */
  provider?: string;
  /** Intra-op threads, 1 to 256; default: physical parallelism, at most 8. */
  threads?: number;
  /** Bytes a run may take beyond the weights. */
  memoryBudget?: number;
}

export interface ModelRef {
  /** A catalogue id (`pocket`), or the path of a model's folder or file. */
  model: string;
  settings?: ModelSettings;
}

/** A run kept in the engine's process. Handles die with the process, and with their model when it makes room for another. */
export type Handle = number;

/** One axis of a slice: an index (the axis goes), a half-open range, or null for all of it. */
export type AxisSlice = number | readonly [number, number] | null;

export interface RunParams {
  positions?: readonly number[] | readonly (readonly number[])[];
  edits?: readonly Edit[];
  hooks?: readonly string[] | 'all';
  logits?: 'last' | 'all' | 'none' | readonly number[];
  /** A run made with `keepCache`, whose keys and values these tokens continue. */
  cache?: Handle;
  keepCache?: boolean;
}

export interface RunSummary {
  handle: Handle;
  batch: number;
  length: number;
  /** Shape of the logits, readable as hook `logits`; null when none were asked for. */
  logits: number[] | null;
  hooks: string[];
}

export interface GenerateParams {
  maxTokens: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  seed?: number;
  edits?: readonly Edit[];
  stopIds?: readonly number[];
}

/** What is known of an open model. */
export interface ModelInfo {
  id: string;
  path: string;
  spec: ModelSpec;
  dtype: string;
  parameters: number;
  bytes: number;
  files: ModelFile[];
  notes: string[];
  tokenizer: {
    kind: string;
    addsBos: boolean;
    size: number;
    bosId: number | null;
    eosIds: number[];
    hasChatTemplate: boolean;
  };
  engine: EngineInfo;
}

export interface ProcessInfo {
  pid: number;
  node: string;
  onnxruntime: string;
  /** What the installed onnxruntime offers, `cpu` first. */
  providers: string[];
  /** Open models, most recently used first. */
  models: { id: string; path: string; bytes: number; handles: number }[];
  /** Bytes of memory: now, and the most so far. */
  memory: { resident: number; peak: number };
}

/** A shell to run: its text, and where that came from. */
export interface ShellSource {
  text: string;
  /** Path of the file, for messages and provenance; null for text that is in no file. */
  file: string | null;
  /** Folder that a relative `model:` in the shell is taken from; default: the file's folder, else the working folder. */
  baseFolder?: string;
}

export interface RunShellParams extends ShellSource {
  /** Used instead of the shell's own `model:`. */
  model?: string;
  /** Used when neither `model` nor the shell names one; default `pocket`. */
  defaultModel?: string;
  settings?: ModelSettings;
  seed?: number;
  /** Indexes into the shell's `run`; default all. */
  commands?: readonly number[];
  /** Doses of `vary` that are run, labels by name; default all. See RunShellOptions. */
  vary?: readonly Dose[];
  /** Make the attribution graph of the headline's run; thresholds and caps where they are not the defaults. */
  graph?: { node?: number; edge?: number; maxNodes?: number; maxEdges?: number };
  /** Causal verification; default: as the shell says. See RunShellOptions. */
  verify?: boolean | 'full';
  /** Folder that gets one `.npz` per run, written by the engine itself. */
  npz?: string;
  /** Whether anybody wants the residue as it grows; default false, for making it into messages costs time. */
  partials?: boolean;
}

export interface ProbeParams {
  text: string;
  /** Default: the model's own top token. */
  answer?: string;
  rivals?: readonly string[];
  model?: string;
  defaultModel?: string;
  settings?: ModelSettings;
  seed?: number;
  npz?: string;
  graph?: RunShellParams['graph'];
  partials?: boolean;
}

/**
 * A residue on its way: JSON text, numbers rounded as in a file. Text crosses processes in a fraction of the time that objects
 * take, and a host that only hands it on to a page never makes objects of it.
 */
export interface ResidueText {
  json: string;
}

/** One of two residues to compare, as the text of its file. */
export interface ComparedText {
  json: string;
  /** Base name of the file it came from, for messages and labels; null for one that is in no file. */
  file: string | null;
  /** `control`: the residue's control in place of its probe. */
  prompt?: 'probe' | 'control';
}

/** Every request: its parameters and its answer. */
export interface Methods {
  info: { params: Record<string, never>; result: ProcessInfo };
  open: { params: ModelRef; result: ModelInfo };
  close: { params: ModelRef; result: { closed: boolean } };
  encode: { params: ModelRef & { text: string; addSpecial?: boolean }; result: EncodedToken[] };
  decode: { params: ModelRef & { ids: readonly number[]; skipSpecial?: boolean }; result: string };
  run: {
    params: ModelRef & { tokens: readonly number[] | readonly (readonly number[])[]; options: RunParams };
    result: RunSummary;
  };
  /** The array comes in `chunk` events; the answer is its shape. */
  read: { params: { handle: Handle; hook: string; row?: number; slice?: readonly AxisSlice[] }; result: { shape: number[] } };
  release: { params: { handles: readonly Handle[] }; result: { released: number } };
  lens: { params: { handle: Handle; request: LensRequest; row?: number }; result: LensResult };
  unembed: { params: ModelRef & { vectors: Float32Array; n: number }; result: NdArray };
  generate: { params: ModelRef & { tokens: readonly number[]; options: GenerateParams }; result: GenerateResult };
  runShell: { params: RunShellParams; result: ResidueText };
  probe: { params: ProbeParams; result: ResidueText };
  /** Two residues; no model is opened. The answer is a comparison (types-comparison.ts). */
  compare: { params: { a: ComparedText; b: ComparedText; seed?: number }; result: ResidueText };
}

export type Method = keyof Methods;

/** Client → engine. `id` is the client's own number for the request. */
export type Request = { [M in Method]: { type: 'request'; id: number; method: M; params: Methods[M]['params'] } }[Method];

export type ToEngine = Request | { type: 'cancel'; id: number };

/** What happens while a request is served. */
export type EngineEvent =
  | { kind: 'progress'; stage: string; done: number; total: number }
  | { kind: 'token'; id: number }
  | ({ kind: 'partial' } & ResidueText)
  | { kind: 'chunk'; offset: number; total: number; data: Float32Array };

/** An error as it crosses: one sentence, no stack. */
export interface WireError {
  /** `input`: the user's to mend. `cancelled`: as asked. `fault`: the program's own. */
  kind: 'input' | 'cancelled' | 'fault';
  message: string;
  place?: { file?: string; line?: number; column?: number; endLine?: number; endColumn?: number; field?: string };
}

/** Engine → client. `ready` is its first message. An error whose `id` is null answers a message that had none. */
export type FromEngine =
  | { type: 'ready'; protocol: number; pid: number }
  | { type: 'reply'; id: number; result: unknown }
  | { type: 'error'; id: number | null; error: WireError }
  | { type: 'event'; id: number; event: EngineEvent };

/** Limits of an engine process, given as JSON in its first argument. */
export interface EngineLimits {
  /** Models kept open; the least recently used is closed. Default 3. */
  maxModels?: number;
  /** Bytes that the weights of all open models may take in memory; default three quarters of the machine's. */
  weightsBudget?: number;
  /** Bytes that the arrays of all kept runs may take; default a quarter of the machine's. */
  tracesBudget?: number;
}

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
const isId = (v: unknown): v is number => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0;

/** True for a message that an engine of this version sends. Results are typed by the method that was asked. */
export function isFromEngine(message: unknown): message is FromEngine {
  if (!isObject(message)) return false;
  switch (message.type) {
    case 'ready':
      return typeof message.protocol === 'number' && typeof message.pid === 'number';
    case 'reply':
      return isId(message.id) && 'result' in message;
    case 'error':
      return (
        (message.id === null || isId(message.id)) &&
        isObject(message.error) &&
        typeof message.error.message === 'string' &&
        ['input', 'cancelled', 'fault'].includes(message.error.kind as string)
      );
    case 'event':
      return isId(message.id) && isObject(message.event) && isEvent(message.event);
    default:
      return false;
  }
}

function isEvent(event: Record<string, unknown>): boolean {
  switch (event.kind) {
    case 'progress':
      return typeof event.stage === 'string' && typeof event.done === 'number' && typeof event.total === 'number';
    case 'token':
      return isId(event.id);
    case 'partial':
      return typeof event.json === 'string';
    case 'chunk':
      return isId(event.offset) && isId(event.total) && event.data instanceof Float32Array;
    default:
      return false;
  }
}
