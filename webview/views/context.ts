import type { ToHost } from '../../src/residue/messages.js';
import type { Comparison } from '../../src/residue/types-comparison.js';
import type { Residue } from '../../src/residue/types.js';
import type { Link } from '../link.js';
import type { Selection, View } from '../model/view.js';
import type { PatternStore } from '../patterns.js';
import type { Palette } from '../theme.js';
import type { Tip } from '../tip.js';

/** What a view is given to draw with. */
export interface Context {
  residue: Residue;
  /** What the residue was compared with, if with anything. */
  comparison: Comparison | null;
  /** Closes the comparison. */
  closeComparison(): void;
  selection: Selection;
  palette: Palette;
  view: View;
  link: Link;
  tip: Tip;
  /** Whole attention patterns, asked of the engine head by head. */
  patterns: PatternStore;
  /** Changes the reader's choices and redraws what depends on them. */
  set(change: View): void;
  send(message: ToHost): void;
  /** Copies the address of what is seen now; `section` is the id of the part that it leads to. */
  copyLink(section: string): void;
  /** Why nothing can be run; null where it can. */
  off: string | null;
  /** Registers what is to be undone when the section is drawn anew. */
  onDispose(dispose: () => void): void;
}
