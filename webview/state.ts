import { isResidue } from '../src/residue/guards.js';
import { isComparison } from '../src/residue/guards-comparison.js';
import type { PanelState } from '../src/residue/messages.js';
import type { Comparison } from '../src/residue/types-comparison.js';
import type { Residue } from '../src/residue/types.js';
import type { View } from './model/view.js';

/** What VS Code keeps for the page: the host's PanelState, and the residue itself, so that a hidden panel is back at once. */
export interface Saved extends PanelState {
  residue: Residue | null;
  comparison: Comparison | null;
}

interface Api {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}
declare function acquireVsCodeApi(): Api;

/** Largest residue that is kept in the state, characters of JSON; above it the host sends it again after `ready`. */
const KEPT = 4_000_000;

/** The page's side of VS Code's webview API. */
export class Host {
  private readonly api = acquireVsCodeApi();
  private saving = 0;
  private telling = 0;
  private kept: { residue: Residue | null; fits: boolean } = { residue: null, fits: true };

  post(message: unknown): void {
    this.api.postMessage(message);
  }

  /** The state of an earlier life of this page, if it makes sense. */
  restore(): Saved | null {
    const state = this.api.getState() as Partial<Saved> | null | undefined;
    if (!state || typeof state !== 'object' || typeof state.shellUri !== 'string') return null;
    const view: View = {};
    for (const [key, value] of Object.entries(state.view ?? {}))
      if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') view[key] = value;
    return {
      shellUri: state.shellUri,
      view,
      residue: isResidue(state.residue) ? state.residue : null,
      comparison: isComparison(state.comparison) ? state.comparison : null,
    };
  }

  /** Saves soon, and tells the host of the view a little later. */
  save(state: Saved, tell: boolean): void {
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.api.setState({ ...state, residue: this.fitting(state.residue) }), 60);
    if (!tell) return;
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.post({ type: 'view', view: state.view }), 200);
  }

  /** The residue if it is done and not too large to keep. */
  private fitting(residue: Residue | null): Residue | null {
    if (residue !== this.kept.residue)
      this.kept = { residue, fits: residue !== null && residue.status !== 'running' && JSON.stringify(residue).length <= KEPT };
    return this.kept.fits ? residue : null;
  }
}
