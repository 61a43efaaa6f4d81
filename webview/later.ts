import type { Context } from './views/context.js';

/** Parts of the page that are not on the first screen, by their slots. */
export type LaterPart =
  | 'compare'
  | 'salience'
  | 'heads'
  | 'attention'
  | 'disruption'
  | 'cause'
  | 'graph'
  | 'commands'
  | 'map'
  | 'words'
  | 'hold'
  | 'claims'
  | 'provenance';

/** What the page's second script (rest.ts) brings. */
export interface Rest {
  views: Record<LaterPart, (context: Context) => (HTMLElement | null)[]>;
  /** A picture of a figure, as SVG text or base64 of a PNG. */
  picture(figure: HTMLElement, title: string, background: string): { svg(): string; png(): string };
}

const NAME = 'residueRest';
const page = globalThis as { [NAME]?: Rest };

/** The second script is here. Through the window: each script has a copy of this module, and in a report the second one comes first. */
export function bring(brought: Rest): void {
  page[NAME] = brought;
  dispatchEvent(new Event(NAME));
}

/** What the second script has brought, if it has come. */
export const rest = (): Rest | undefined => page[NAME];

/** Does something with it: at once if it has come, else when it does. */
export function withRest(work: (rest: Rest) => void): void {
  const here = rest();
  if (here) work(here);
  else addEventListener(NAME, () => work(page[NAME]!), { once: true });
}
