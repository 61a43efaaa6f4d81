import type { ToHost, ToPage } from '../src/residue/messages.js';
import type { Residue, RunTrace } from '../src/residue/types.js';
import { agrees, type Pattern } from './model/pattern.js';

/** What is known of a head's whole pattern: nothing was asked, it is on its way, why there is none, or the pattern. */
export type PatternState = { kind: 'none' } | { kind: 'asked' } | { kind: 'refused'; reason: string } | { kind: 'here'; pattern: Pattern };

/** Patterns kept: at 1,024 tokens each is 4 MB. */
const KEPT = 12;

const NONE: PatternState = { kind: 'none' };

/** Attention patterns that the page has asked the host for, head by head. */
export class PatternStore {
  private readonly states = new Map<string, PatternState>();
  private residue: Residue | null = null;
  private changes = 0;
  private readonly changed = new Map<string, number>();

  constructor(private readonly send: (message: ToHost) => void) {}

  /** Forgets what belongs to another residue. */
  begin(residue: Residue | null): void {
    if (residue?.created !== this.residue?.created) this.states.clear();
    this.residue = residue;
  }

  of(run: RunTrace, head: [number, number]): PatternState {
    return this.states.get(keyOf(run.name, head)) ?? NONE;
  }

  /** Another number whenever what is known of the head has changed. */
  version(run: RunTrace, head: [number, number]): number {
    return this.changed.get(keyOf(run.name, head)) ?? 0;
  }

  ask(run: RunTrace, head: [number, number]): void {
    const { residue } = this;
    if (!residue || this.of(run, head).kind !== 'none') return;
    this.put(keyOf(run.name, head), { kind: 'asked' });
    const { layers, heads } = residue.provenance.model;
    this.send({
      type: 'pattern',
      run: run.name,
      layer: head[0],
      head: head[1],
      tokens: run.tokens.map(({ id }) => id),
      model: { layers, heads },
    });
  }

  /** Forgets a refusal, so that it can be asked again. */
  retry(run: RunTrace, head: [number, number]): void {
    this.states.delete(keyOf(run.name, head));
    this.ask(run, head);
  }

  receive(message: Extract<ToPage, { type: 'pattern' }>): void {
    const head: [number, number] = [message.layer, message.head];
    const key = keyOf(message.run, head);
    // Of another residue, or asked for by nobody.
    const run = [...(this.residue?.runs ?? []), ...(this.residue?.control ? [this.residue.control] : [])].find(
      ({ name }) => name === message.run,
    );
    if (!run || this.states.get(key)?.kind !== 'asked') return;
    if ('reason' in message) return this.put(key, { kind: 'refused', reason: message.reason });
    const pattern = { length: message.length, data: message.data };
    this.put(
      key,
      agrees(run, head, pattern)
        ? { kind: 'here', pattern }
        : { kind: 'refused', reason: 'The pattern is not that of this residue: the model has changed since. Run the shell again.' },
    );
  }

  private put(key: string, state: PatternState): void {
    this.states.delete(key);
    this.states.set(key, state);
    this.changed.set(key, ++this.changes);
    const [oldest] = this.states.keys();
    if (this.states.size > KEPT && oldest !== undefined) this.states.delete(oldest);
  }
}

const keyOf = (run: string, [layer, head]: [number, number]): string => `${layer}.${head} ${run}`;
