/** Entry of dist/lane.cjs: a thread of the engine's process that runs passes of variants beside it, on sessions of its own with one thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { CancelledError, InputError } from '../../errors.js';
import { LocalCache, Segment } from '../local/cache.js';
import { giveBack } from '../local/memory.js';
import { partName, pass, type Base, type Ground, type PassPart } from '../local/pass.js';
import { floatTensor, Sessions } from '../local/sessions.js';
import type { Part, Tensor } from '../local/sessions.js';
import { Claims, type FromLane, type LaneError, type LaneSetup, type SentBase, type ToLane, type Work } from './protocol.js';

const { spec, path, folder, memoryBudget } = workerData as LaneSetup;
const port = parentPort!;
const say = (message: FromLane): void => port.postMessage(message);
const sessions = new Sessions(folder, 1, 'cpu');
/** Their weights have been looked through by the engine, which runs each part before a lane does. */
const parts = new Map<string, Promise<Part>>();
const given = (kind: PassPart['kind']) => (layer: number) => parts.get(partName({ kind, layer }))!;
const ground: Ground = { spec, path, memoryBudget, block: given('block'), behindHeads: given('behind heads') };

function received({ keys, values, residuals, ...base }: SentBase): Base {
  const tensors = (all: readonly (Float32Array | null)[]): Tensor[] =>
    all.map((data) => {
      const length = data === null ? 0 : base.length;
      return floatTensor(data ?? new Float32Array(0), [1, spec.nKvHeads, length, spec.dHead]);
    });
  const cache = new LocalCache(ground, 1, new Segment(tensors(keys), tensors(values), base.length), null);
  return { ...base, cache, residuals: residuals.map((data) => data ?? new Float32Array(0)) };
}

async function work({ id, base, passes, claims: shared }: Work): Promise<LaneError | null> {
  const claims = new Claims(passes.length, shared);
  try {
    const own = received(base);
    for (let index = claims.take(); index !== null; index = claims.take()) {
      const passed = await pass(ground, own, passes[index]!, () => {
        if (claims.stopped) throw new CancelledError();
      });
      say({ type: 'passed', id, index, passed });
    }
    return null;
  } catch (error) {
    if (error instanceof InputError) return { kind: 'input', message: error.message, place: error.place };
    const message = error instanceof Error ? error.message : String(error);
    return { kind: error instanceof CancelledError ? 'stopped' : 'fault', message };
  } finally {
    giveBack([...base.keys, ...base.values, ...base.residuals, ...base.heads.values()].filter((data) => data !== null));
  }
}

/** Messages are dealt with one after the other. */
let before: Promise<unknown> = Promise.resolve();
port.on('message', (message: ToLane) => {
  if (message.type === 'part') {
    const part = sessions.create(message.bytes);
    // Told by the work that wants it.
    part.catch(() => undefined);
    parts.set(partName(message.part), part);
  } else if (message.type === 'work') before = before.then(async () => say({ type: 'ended', id: message.id, error: await work(message) }));
  else {
    // A thread that is ended from outside while onnxruntime is at work takes the process with it: it ends by itself.
    before = before.then(async () => {
      for (const part of parts.values()) await (await part.catch(() => null))?.release();
      port.close();
    });
  }
});
