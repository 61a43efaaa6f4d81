import type { Residue } from './types.js';

/**
 * Everything that crosses between the extension host and the residue panel's page, in one place. Both sides validate what
 * they receive with `isToPage` / `isToHost` (guards.ts); anything else is dropped and logged.
 */
export interface PanelState {
  /** URI of the shell this panel is about. */
  shellUri: string;
  /** The page's own view state: pinned layer/head/token, chosen shading, open tables, chosen vary value. Opaque to the host. */
  view: Record<string, string | number | boolean | null>;
}

/** How the shell's residue that is shown stands to what would be run now. */
export interface KeptStanding {
  /** When it was run, ISO 8601. */
  at: string;
  /** It was opened from what is kept, not computed just now. */
  cached: boolean;
  /** What has changed since, in words; null: it still holds. */
  stale: string | null;
  /** Margins of the shell's last runs in nats, oldest first; null where a run has none. */
  trend: (number | null)[];
}

/** Host → page. */
export type ToPage =
  | { type: 'residue'; residue: Residue; shellUri: string }
  /** The same, as the engine sent it: the host hands the text on, and only the page makes objects of it (`unwrap` in guards.ts). */
  | { type: 'residueText'; json: string; shellUri: string }
  | { type: 'progress'; stage: string; done: number; total: number }
  /** `file`: it is about the residue file that the page shows, which can be opened as text. */
  | { type: 'error'; message: string; place: { file: string; line: number; column: number } | null; file?: boolean }
  | { type: 'empty' }
  /** Null while a run is under way. */
  | { type: 'standing'; standing: KeptStanding | null }
  /** What the page's residue was compared with: JSON text of a comparison (types-comparison.ts). */
  | { type: 'comparison'; json: string }
  /** Why nothing can be run (the workspace is not trusted); null where it can. */
  | { type: 'off'; reason: string | null }
  /** What to look at; `section` names the part of the page that is scrolled to, once. */
  | { type: 'view'; view: PanelState['view'] }
  /** A whole attention pattern that was asked for, [query, key] row by row; or why there is none. */
  | { type: 'pattern'; run: string; layer: number; head: number; length: number; data: Float32Array }
  | { type: 'pattern'; run: string; layer: number; head: number; reason: string }
  /** Asks for a `link` to what is seen now. */
  | { type: 'copyLink' };

/**
 * Page → host. `ready` is the first message; the host sends nothing before it. `save.data` is the text to write, or for
 * image/png its base64 without a `data:` prefix; `save.name` is a base name with its extension. `reveal` counts from 1.
 */
export type ToHost =
  | { type: 'ready' }
  /** The last residue that came is drawn; while one grows, the host sends the next when it has heard this. */
  | { type: 'drawn' }
  /** `verify`: every cause tested, each position on its own. `graph`: with the attribution graph. Both else as the shell says. */
  | { type: 'run'; verify?: boolean; graph?: boolean }
  | { type: 'cancel' }
  /** `choose`: asks what to compare with. `none`: the comparison was closed. */
  | { type: 'compare'; with: 'choose' | 'none' }
  | { type: 'view'; view: PanelState['view'] }
  | { type: 'reveal'; line: number; column: number }
  | { type: 'copy'; text: string }
  /** Copy the address of this view (address.ts). */
  | { type: 'link'; view: PanelState['view'] }
  | { type: 'save'; name: string; mime: 'text/csv' | 'image/png' | 'image/svg+xml' | 'application/json'; data: string }
  /** Read the whole pattern of a head on these tokens; `run` is the page's own name for them, `model` what the residue was made with. */
  | { type: 'pattern'; run: string; layer: number; head: number; tokens: number[]; model: { layers: number; heads: number } }
  /** Show the earlier runs of the shell. */
  | { type: 'history' }
  /** Open the residue file that the page shows as text. */
  | { type: 'openText' }
  | { type: 'openMethods'; anchor: string };
