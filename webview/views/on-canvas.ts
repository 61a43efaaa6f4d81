import type { Plot } from './plot.js';

/** What stands behind a canvas. */
interface Behind {
  /** The chart on it, made if it was not. */
  chart?: () => Plot;
  /** Paints what it holds on another context, in px of the page. */
  paint?: (ctx: CanvasRenderingContext2D) => void;
}

const BEHIND = Symbol.for('symbolic-residue.behind');

/** Kept on the element itself: the page's scripts each have a copy of the code that makes charts, and pictures know of them all. */
export function behind(canvas: HTMLCanvasElement): Behind {
  const holder = canvas as { [BEHIND]?: Behind };
  return (holder[BEHIND] ??= {});
}
