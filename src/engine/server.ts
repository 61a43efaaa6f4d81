import { dirname, join, resolve } from 'node:path';
import { compareResidues, type SideInput } from '../compare/compare.js';
import { CancelledError, InputError, throwIfAborted } from '../errors.js';
import { npzName, writeNpz } from '../residue/npz.js';
import { parseResidue } from '../residue/read.js';
import { serializePlain } from '../residue/write.js';
import type { RunShell } from '../run/types.js';
import type { Shell } from '../shell/types.js';
import type { KvCache, Model, RunResult } from './api.js';
import { countSent } from './local/memory.js';
import { DEFAULT_MODEL } from '../model/catalog.js';
import { Models, type ModelPlace, type Opener } from './models.js';
import type {
  ComparedText,
  EngineEvent,
  EngineLimits,
  FromEngine,
  Method,
  Methods,
  ModelInfo,
  ModelRef,
  ModelSettings,
} from './protocol.js';
import type { ProcessInfo, Request, ResidueText, RunShellParams, ShellSource, WireError } from './protocol.js';
import { inText, Partials } from './partials.js';
import { parseMessage } from './requests.js';
import { sliceArray } from './slice.js';

/** What the server is made of; worker.ts gives it the real parts. */
export interface Backend extends Opener {
  /** A catalogue id, or a path taken from `folder`, as an absolute path and what to call it. Throws InputError when there is none. */
  resolve(model: string, folder: string): ModelPlace;
  versions(): Pick<ProcessInfo, 'onnxruntime' | 'providers'>;
  /** Throws InputError with the place of the first error. */
  parse(source: ShellSource): Shell;
  /** Text of a shell that probes `text`; the model answers where no answer is given. */
  probe(model: Model, params: Methods['probe']['params'], signal: AbortSignal): Promise<string>;
  runShell: RunShell;
}

/** Floats per chunk of an array that crosses: small enough that the receiver's event loop is never held up by one. */
const CHUNK = 1 << 18;

type ShellSettings = Pick<
  RunShellParams,
  'model' | 'defaultModel' | 'settings' | 'seed' | 'commands' | 'vary' | 'graph' | 'verify' | 'npz' | 'partials'
>;

interface Call {
  id: number;
  signal: AbortSignal;
  emit: (event: EngineEvent) => Promise<void>;
}

/**
 * Serves requests: checks each message, queues the work on its model, answers with a result or one sentence of error. `send`
 * resolves when a message has left, which is what holds back large arrays.
 */
export class Server {
  private readonly models: Models;
  private readonly calls = new Map<number, AbortController>();

  constructor(
    private readonly backend: Backend,
    private readonly send: (message: FromEngine) => Promise<void>,
    private readonly log: (text: string) => void,
    limits: EngineLimits = {},
  ) {
    this.models = new Models(backend, limits);
  }

  /** Takes one message from the channel, whatever it is. */
  async receive(raw: unknown): Promise<void> {
    const message = parseMessage(raw);
    if (message.type === 'cancel') return this.calls.get(message.id)?.abort();
    if (message.type === 'rejected') return this.fail(message.id, { kind: 'input', message: message.message });
    const { id } = message;
    if (this.calls.has(id)) return this.fail(null, { kind: 'input', message: `Request ${id} is still being served.` });
    const controller = new AbortController();
    this.calls.set(id, controller);
    try {
      const emit = (event: EngineEvent) => this.send({ type: 'event', id, event });
      const result = await this.serve(message, { id, signal: controller.signal, emit });
      await this.send({ type: 'reply', id, result });
    } catch (error) {
      await this.fail(id, this.toWire(error, message.method));
    } finally {
      this.calls.delete(id);
    }
  }

  private serve({ method, params }: Request, call: Call): Promise<Methods[Method]['result']> {
    const handler = this.handlers[method] as (params: unknown, call: Call) => Promise<Methods[Method]['result']>;
    return handler(params, call);
  }

  /** One entry per request of protocol.ts. */
  private readonly handlers: { [M in Method]: (params: Methods[M]['params'], call: Call) => Promise<Methods[M]['result']> } = {
    info: async () => ({
      pid: process.pid,
      node: process.version,
      ...this.backend.versions(),
      models: this.models.list(),
      memory: { resident: process.memoryUsage.rss(), peak: process.resourceUsage().maxRSS * 1024 },
    }),

    open: (ref, call) => this.use(ref, call, async (model) => describe(model)),

    close: async ({ model, settings }) => ({
      closed: await this.models.close(this.backend.resolve(model, process.cwd()).path, settings ?? {}),
    }),

    encode: ({ text, addSpecial, ...ref }, call) => this.use(ref, call, async (model) => model.tokenizer.encode(text, { addSpecial })),

    decode: ({ ids, skipSpecial, ...ref }, call) => this.use(ref, call, async (model) => model.tokenizer.decode(ids, { skipSpecial })),

    run: ({ tokens, options, ...ref }, call) =>
      this.use(ref, call, async (model) => {
        const { signal } = call;
        const make = (cache?: KvCache) => model.run(tokens, { ...options, cache, signal });
        const { cache } = options;
        const result = await (cache === undefined ? make() : this.models.reading(cache, (run) => make(cacheOf(run)), model));
        throwIfAborted(signal);
        const { batch, length, hooks, logits } = result;
        const handle = this.models.keep(model, result);
        return { handle, batch, length, hooks: [...hooks], logits: logits && [...logits.shape] };
      }),

    read: ({ handle, hook, row, slice }, { emit, signal }) =>
      this.models.reading(handle, async (run) => {
        const array = hook === 'logits' ? run.logits : run.get(hook);
        if (!array) throw new InputError('This run was made without logits: ask for them with the option `logits`.', { field: 'hook' });
        const { data, shape } = sliceArray(array, hook, row, slice);
        for (let offset = 0; offset < data.length; offset += CHUNK) {
          throwIfAborted(signal);
          const part = data.subarray(offset, offset + CHUNK);
          await emit({ kind: 'chunk', offset, total: data.length, data: part });
          countSent(part.byteLength);
        }
        return { shape };
      }),

    release: async ({ handles }) => ({ released: this.models.release(handles) }),

    lens: ({ handle, request, row }, { signal }) =>
      this.models.useRun(handle, signal, (run, model) => model.lens(run, { ...request, signal }, row)),

    unembed: ({ vectors, n, ...ref }, call) =>
      this.use(ref, call, async (model) => {
        const { dModel } = model.spec;
        if (vectors.length === n * dModel) return model.unembed(vectors, n);
        throw new InputError(`${n} vectors of ${dModel} values are ${n * dModel} values; ${vectors.length} were given.`, {
          field: 'vectors',
        });
      }),

    generate: ({ tokens, options, ...ref }, call) =>
      this.use(ref, call, (model) => {
        const onToken = (id: number) => void call.emit({ kind: 'token', id });
        return model.generate(tokens, { ...options, signal: call.signal, onToken });
      }),

    runShell: async (params, call) => {
      const shell = this.backend.parse(params);
      return this.shell(shell, params, params, call);
    },

    probe: async (params, call) => {
      const { model = params.defaultModel ?? DEFAULT_MODEL, settings } = params;
      const text = await this.use({ model, settings }, call, (open) => this.backend.probe(open, params, call.signal));
      return this.shell(this.backend.parse({ text, file: null }), { text, file: null }, { ...params, model }, call);
    },

    compare: async ({ a, b, seed }) => {
      const [first, second] = [sideOf(a), sideOf(b)];
      return { json: serializePlain(compareResidues(first, second, { seed })) };
    },
  };

  /** Runs a parsed shell next to the arrays; with `npz` each run's arrays go from here to their file. */
  private async shell(shell: Shell, source: ShellSource, params: ShellSettings, call: Call): Promise<ResidueText> {
    const fallback = params.defaultModel ?? DEFAULT_MODEL;
    const named = params.model === undefined ? this.modelOf(shell, source) : null;
    const place = named ?? this.backend.resolve(params.model ?? fallback, process.cwd());
    const { npz, seed, commands, vary, graph, verify, settings, partials } = params;
    const growing = partials ? new Partials((part) => call.emit({ kind: 'partial', ...part })) : undefined;
    const run = this.useAt(place, settings, call, (open) =>
      this.backend.runShell(
        open,
        shell,
        { text: source.text, file: source.file },
        {
          seed,
          commands,
          vary,
          graph,
          verify,
          signal: call.signal,
          onProgress: (event) => void call.emit({ kind: 'progress', ...event }),
          onGrowth: growing && ((grown) => growing.offer(grown)),
          onArrays: npz === undefined ? undefined : async (name, arrays) => writeNpz(join(npz, npzName(name)), arrays),
        },
      ),
    );
    return inText(await run.finally(() => growing?.end()));
  }

  /** A path in a shell is relative to the shell's own folder. */
  private modelOf(shell: Shell, { baseFolder, file }: ShellSource): ModelPlace | null {
    if (shell.model === null) return null;
    return this.backend.resolve(shell.model, baseFolder ?? (file === null ? process.cwd() : dirname(resolve(file))));
  }

  private async use<T>({ model, settings }: ModelRef, call: Call, work: (model: Model) => Promise<T>): Promise<T> {
    return this.useAt(this.backend.resolve(model, process.cwd()), settings, call, work);
  }

  private useAt<T>(
    place: ModelPlace,
    settings: ModelSettings = {},
    { signal, emit }: Call,
    work: (model: Model) => Promise<T>,
  ): Promise<T> {
    return this.models.use(place, settings, signal, (event) => void emit({ kind: 'progress', ...event }), work);
  }

  private fail(id: number | null, error: WireError): Promise<void> {
    return this.send({ type: 'error', id, error });
  }

  /** One sentence for the client; what is a fault of the program leaves its stack in the log. */
  private toWire(error: unknown, method: Method): WireError {
    if (error instanceof InputError) return { kind: 'input', message: error.message, place: error.place };
    if (error instanceof CancelledError) return { kind: 'cancelled', message: error.message };
    const message = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
    this.log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    if (/bad_alloc|allocation failed|failed to allocate|Invalid (typed )?array (buffer )?length|out of memory/i.test(message)) {
      return {
        kind: 'fault',
        message: `There was not enough memory for \`${method}\`: try a shorter prompt, fewer hooks or a smaller model.`,
      };
    }
    return { kind: 'fault', message: `The engine failed in \`${method}\`: ${message.slice(0, 500).replace(/\.$/, '')}.` };
  }
}

/** Throws InputError for a text that is no residue. */
function sideOf({ json, file, prompt }: ComparedText): SideInput {
  return { residue: parseResidue(json, file ?? undefined), file, ...(prompt ? { prompt } : {}) };
}

function cacheOf({ cache }: RunResult): KvCache {
  if (!cache) throw new InputError('The run named as cache was not made with `keepCache`.', { field: 'cache' });
  return cache;
}

function describe(model: Model): ModelInfo {
  const { id, path, spec, dtype, weights, files, notes, tokenizer } = model.loaded;
  const { kind, addsBos, size, bosId, eosIds, hasChatTemplate } = tokenizer;
  return {
    id,
    path,
    spec,
    dtype,
    parameters: weights.parameters,
    bytes: weights.bytes,
    files,
    notes,
    tokenizer: { kind, addsBos, size, bosId, eosIds: [...eosIds], hasChatTemplate },
    engine: model.info,
  };
}
