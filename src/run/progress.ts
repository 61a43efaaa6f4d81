import type { RunProgress } from './types.js';

/**
 * Progress of a whole run. Work is planned in steps; within a step, parts are told as fractions. Counts never go backwards, and the
 * last event of a finished run says done = total.
 */
export class Progress {
  private done = 0;
  /** What is being computed now, for `cancelledAt`. */
  stage = 'the start';

  constructor(
    private readonly total: number,
    private readonly tell: ((event: RunProgress) => void) | undefined,
  ) {}

  /** Begins a piece of work of `steps` steps; the returned function reports how far it is, and ends it with no arguments. */
  begin(stage: string, steps = 1): (done?: number, total?: number) => void {
    this.stage = stage;
    const start = this.done;
    this.tell?.({ stage, done: start, total: this.total });
    return (done, total) => {
      if (done === undefined || total === undefined) {
        this.done = start + steps;
        return;
      }
      // Work that is told in shares may be at a fraction: words have whole numbers, the bar has it all.
      this.tell?.({
        stage: `${stage} (${Math.round(done)} of ${total})`,
        done: start + (steps * done) / Math.max(1, total),
        total: this.total,
      });
    };
  }

  finish(): void {
    this.tell?.({ stage: 'done', done: this.total, total: this.total });
  }
}
