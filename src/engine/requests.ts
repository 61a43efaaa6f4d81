import * as z from 'zod';
import { MAX_COMBINATIONS, MAX_FILLED } from '../shell/template.js';
import type { Edit, LensRequest } from './api.js';
import type {
  AxisSlice,
  ComparedText,
  EngineLimits,
  GenerateParams,
  Method,
  Methods,
  ModelRef,
  ProbeParams,
  RunParams,
  RunShellParams,
  ToEngine,
} from './protocol.js';

/**
 * Checks of everything that reaches the engine. What passes has the types of protocol.ts; whether its numbers suit the model
 * (a layer that exists, a vector of d_model values) is for the model to say.
 */

/** Longest list a request may carry: far above any context, far below what would hold up the process. */
const MAX_LIST = 1 << 22;
/** Longest text: a shell file may have 1 MiB, a text to encode more. */
const MAX_TEXT = 1 << 26;

/** Longest name or label of a value of `vary`: a label is at most the text it stands for. */
const MAX_LABEL = MAX_FILLED;

const index = z.int().nonnegative().max(0x7fffffff);
const indexes = z.array(index).max(MAX_LIST);
const layers = z.union([z.literal('all'), indexes]);
const positions = layers;
const finite = z.number();
const text = z.string().max(MAX_TEXT);
const path = z
  .string()
  .min(1)
  .max(32_768)
  .refine((s) => !s.includes('\0'), 'a path holds no NUL character');
const vector = z.instanceof(Float32Array, { error: 'expected a Float32Array' });
const id = z.int().nonnegative();
const row = index.optional();
const tokens = z.union([indexes, z.array(indexes).max(MAX_LIST)]);

const settings = z.strictObject({
  provider: z.string().min(1).max(64).optional(),
  threads: z.int().min(1).max(256).optional(),
  memoryBudget: z.number().positive().optional(),
});

const modelRef = { model: path, settings: settings.optional() };
z.strictObject(modelRef) satisfies z.ZodType<ModelRef>;

const where = { layer: index, positions };
const edit = z.union([
  z.strictObject({ kind: z.literal('knockout'), layers, heads: layers, queries: positions, keys: indexes, row }),
  z.strictObject({ kind: z.literal('scale-head'), layer: index, head: index, scale: finite, positions: positions.optional(), row }),
  z.strictObject({ kind: z.literal('scale-values'), layers, heads: layers, queries: positions, keys: indexes, scale: finite, row }),
  z.strictObject({ kind: z.enum(['replace', 'add']), at: z.enum(['resid_pre', 'attn_out', 'mlp_out']), ...where, value: vector, row }),
  z.strictObject({ kind: z.enum(['replace', 'add']), at: z.literal('z'), ...where, head: index, value: vector, row }),
  z.strictObject({
    kind: z.literal('scale-out'),
    at: z.enum(['attn_out', 'mlp_out']),
    layer: index,
    scale: finite,
    positions: positions.optional(),
    row,
  }),
  z.strictObject({ kind: z.literal('project-out'), ...where, direction: vector, row }),
]) satisfies z.ZodType<Edit>;
const edits = z.array(edit).max(100_000).optional();

const runParams = z.strictObject({
  positions: tokens.optional(),
  edits,
  hooks: z.union([z.literal('all'), z.array(z.string().max(200)).max(10_000)]).optional(),
  logits: z.union([z.enum(['last', 'all', 'none']), indexes]).optional(),
  cache: id.optional(),
  keepCache: z.boolean().optional(),
}) satisfies z.ZodType<RunParams>;

const generateParams = z.strictObject({
  maxTokens: z.int().min(1).max(1_000_000),
  temperature: z.number().min(0).optional(),
  topP: z.number().gt(0).max(1).optional(),
  topK: z.int().min(1).optional(),
  seed: z.int().optional(),
  edits,
  stopIds: indexes.optional(),
}) satisfies z.ZodType<GenerateParams>;

const lensRequest = z.strictObject({
  layers,
  positions: indexes,
  topK: z.int().nonnegative().max(100_000).optional(),
  tokens: indexes.optional(),
  full: z.boolean().optional(),
  norm: z.enum(['recomputed', 'frozen']).optional(),
}) satisfies z.ZodType<LensRequest>;

const axis = z.union([z.null(), index, z.tuple([index, index])]) satisfies z.ZodType<AxisSlice>;

const unit = z.number().min(0).max(1);
const cap = z.int().min(1).max(10_000);
const graph = z.strictObject({
  node: unit.optional(),
  edge: unit.optional(),
  maxNodes: cap.optional(),
  maxEdges: cap.optional(),
});

const runShell = z.strictObject({
  text,
  file: path.nullable(),
  baseFolder: path.optional(),
  model: path.optional(),
  defaultModel: path.optional(),
  settings: settings.optional(),
  seed: z.int().optional(),
  commands: indexes.optional(),
  vary: z
    .array(z.record(z.string().max(MAX_LABEL), z.string().max(MAX_LABEL)))
    .min(1)
    .max(MAX_COMBINATIONS)
    .optional(),
  graph: graph.optional(),
  verify: z.union([z.boolean(), z.literal('full')]).optional(),
  npz: path.optional(),
  partials: z.boolean().optional(),
}) satisfies z.ZodType<RunShellParams>;

const probe = z.strictObject({
  text,
  answer: text.optional(),
  rivals: z.array(text).max(1000).optional(),
  model: path.optional(),
  defaultModel: path.optional(),
  settings: settings.optional(),
  seed: z.int().optional(),
  npz: path.optional(),
  graph: graph.optional(),
  partials: z.boolean().optional(),
}) satisfies z.ZodType<ProbeParams>;

const compared = z.strictObject({
  json: text,
  file: z.string().max(32_768).nullable(),
  prompt: z.enum(['probe', 'control']).optional(),
}) satisfies z.ZodType<ComparedText>;

const methods: { [M in Method]: z.ZodType<Methods[M]['params']> } = {
  info: z.strictObject({}),
  open: z.strictObject(modelRef),
  close: z.strictObject(modelRef),
  encode: z.strictObject({ ...modelRef, text, addSpecial: z.boolean().optional() }),
  decode: z.strictObject({ ...modelRef, ids: indexes, skipSpecial: z.boolean().optional() }),
  run: z.strictObject({ ...modelRef, tokens, options: runParams }),
  read: z.strictObject({ handle: id, hook: z.string().max(200), row, slice: z.array(axis).max(8).optional() }),
  release: z.strictObject({ handles: z.array(id).max(MAX_LIST) }),
  lens: z.strictObject({ handle: id, request: lensRequest, row }),
  unembed: z.strictObject({ ...modelRef, vectors: vector, n: index }),
  generate: z.strictObject({ ...modelRef, tokens: indexes, options: generateParams }),
  runShell,
  probe,
  compare: z.strictObject({ a: compared, b: compared, seed: z.int().optional() }),
};

const envelope = z.union([
  z.strictObject({ type: z.literal('cancel'), id }),
  z.strictObject({ type: z.literal('request'), id, method: z.string(), params: z.unknown() }),
]);

/** A message that must be answered with an error and nothing else. `id` is null when it had none that can be answered. */
export interface Rejected {
  type: 'rejected';
  id: number | null;
  message: string;
}

/** Checks one message. Never throws, whatever it is given. */
export function parseMessage(message: unknown): ToEngine | Rejected {
  const id = idOf(message);
  const outer = envelope.safeParse(message);
  if (!outer.success)
    return { type: 'rejected', id, message: 'Malformed message: expected {type: "request", id, method, params} or {type: "cancel", id}.' };
  if (outer.data.type === 'cancel') return outer.data;
  const { method } = outer.data;
  if (!Object.hasOwn(methods, method)) {
    return {
      type: 'rejected',
      id,
      message: `Unknown request \`${method.slice(0, 80)}\`: expected one of ${Object.keys(methods).join(', ')}.`,
    };
  }
  const params = methods[method as Method].safeParse(outer.data.params);
  if (!params.success) return { type: 'rejected', id, message: `Malformed request \`${method}\`: ${explain(params.error)}.` };
  return { type: 'request', id: outer.data.id, method, params: params.data } as ToEngine;
}

const limits = z.strictObject({
  maxModels: z.int().min(1).max(100).optional(),
  weightsBudget: z.number().positive().optional(),
  tracesBudget: z.number().positive().optional(),
}) satisfies z.ZodType<EngineLimits>;

/** Limits given on the command line, as JSON. Throws when they are malformed. */
export function parseLimits(json: string | undefined): EngineLimits {
  return limits.parse(JSON.parse(json ?? '{}'));
}

function idOf(message: unknown): number | null {
  if (typeof message !== 'object' || message === null || !('id' in message)) return null;
  return Number.isSafeInteger(message.id) && (message.id as number) >= 0 ? (message.id as number) : null;
}

/** The first issue, with its place: `options.edits[2].layer: Invalid input: expected number, received string`. */
function explain(error: z.ZodError): string {
  let path: PropertyKey[] = [];
  let issues = error.issues;
  let message = '';
  // Of the alternatives of a union, the one that got farthest says most.
  while (issues[0]) {
    const issue = issues[0];
    path = [...path, ...issue.path];
    message = issue.message;
    if (issue.code !== 'invalid_union') break;
    issues = [...issue.errors].sort((a, b) => depth(b) - depth(a) || a.length - b.length)[0] ?? [];
  }
  const place = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return `params${place}: ${message.slice(0, 300).replace(/\.$/, '')}`;
}

const depth = (issues: readonly { path: PropertyKey[] }[]): number => Math.max(0, ...issues.map((i) => i.path.length));
