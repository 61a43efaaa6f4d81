import type { Residue } from '../residue/types.js';
import { canonicalResidue } from '../residue/write.js';
import type { ResidueText } from './protocol.js';

/** Milliseconds between two partial residues of a run: more often than a reader can follow, it only takes time from the run. */
const PAUSE = 400;

/** How many times as long as making a residue into text took the run goes on before the next: a large one costs no tenth of its run. */
const REST = 10;

export function inText(residue: Residue): ResidueText {
  return { json: JSON.stringify(canonicalResidue(residue)) };
}

/**
 * Sends a residue as it grows: one at a time, always the newest, and seldom enough. What was finished in between is sent when the pause is
 * over, so that a long stage does not keep it from the reader. Nothing is made into text, or copied, that is not sent.
 */
export class Partials {
  private newest: (() => Residue) | undefined;
  private sending = false;
  private timer: NodeJS.Timeout | undefined;
  private due = -Infinity;

  /** @param send Resolves when the text has left. */
  constructor(private readonly send: (text: ResidueText) => Promise<void>) {}

  /** Something has grown; the function gives the residue as it is when it is called. */
  offer(grown: () => Residue): void {
    this.newest = grown;
    this.next();
  }

  /** The run has ended: what was not sent is not sent any more. */
  end(): void {
    clearTimeout(this.timer);
    this.newest = undefined;
  }

  private next(): void {
    if (!this.newest || this.sending || this.timer) return;
    const began = performance.now();
    if (began < this.due) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.next();
      }, this.due - began);
      return;
    }
    const text = inText(this.newest());
    this.newest = undefined;
    this.due = performance.now() + Math.max(PAUSE, REST * (performance.now() - began));
    this.sending = true;
    const sent = (): void => {
      this.sending = false;
      this.next();
    };
    this.send(text).then(sent, sent);
  }
}
