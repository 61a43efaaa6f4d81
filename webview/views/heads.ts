import { headsModel } from '../model/heads.js';
import { choice } from '../ui.js';
import type { Context } from './context.js';
import { missing } from './figure.js';
import { headsScatter } from './heads-scatter.js';
import { headsTable } from './heads-table.js';

/** Heads: a scatter and the sortable table beside it. */
export function headsView(context: Context): HTMLElement[] {
  const { selection } = context;
  const run = selection.shown;
  const model = run
    ? headsModel(
        run,
        selection.span,
        run === context.residue.runs[context.residue.primary] ? context.residue.claims : [],
        context.view.writes === 'all' ? 'all' : 'span',
      )
    : null;
  if (!run || !model) return [missing(context, 'Heads', 260)];
  const spans = Object.keys(run.attention?.spans ?? {});
  const picker =
    spans.length > 1 && selection.span !== null
      ? choice(
          'Span',
          spans.map((value) => ({ value, text: value })),
          selection.span,
          (span) => context.set({ span }),
          'span',
        )
      : null;
  const plane =
    model.span === null
      ? null
      : choice(
          'What heads write',
          [
            {
              value: 'span',
              text: 'written from the span',
              title: 'The QK/OV plane: attention to the span against what is written from its tokens',
            },
            { value: 'all', text: 'from all tokens', title: 'Attention to the span against the whole contribution to the margin' },
          ],
          model.writes,
          (writes) => context.set({ writes }),
          'writes',
        );
  const controls = [picker, plane].filter((one) => one !== null);
  return [headsScatter(context, model, controls), headsTable(context, model)];
}
