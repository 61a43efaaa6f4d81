/**
 * Sends what grows faster than it is taken: one is on its way, and when it has arrived the newest goes, whatever came in between. So a page
 * that draws slowly never has a queue of what is out of date.
 */
export class OneAtATime<T> {
  #underWay = false;
  #newest: { value: T } | undefined;

  constructor(private readonly send: (value: T) => void) {}

  offer(value: T): void {
    this.#newest = { value };
    this.#next();
  }

  /** The one under way has arrived. */
  arrived(): void {
    this.#underWay = false;
    this.#next();
  }

  /** Nothing that was offered is wanted any more, and nothing is waited for. */
  clear(): void {
    this.#underWay = false;
    this.#newest = undefined;
  }

  #next(): void {
    if (this.#underWay || !this.#newest) return;
    const { value } = this.#newest;
    this.#newest = undefined;
    this.#underWay = true;
    this.send(value);
  }
}
