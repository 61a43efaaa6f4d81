import { rest, type LaterPart } from './later.js';
import type { Slot } from './slots.js';
import type { Context } from './views/context.js';
import { marginView } from './views/margin.js';
import { tokensView } from './views/tokens.js';
import { verdictView } from './views/verdict.js';

/** A question a reader asks, as a landmark of the page. */
export interface Section {
  id: string;
  title: string;
  /** Inner layout: parts side by side from 900 px on. */
  columns: boolean;
  /** Whether the page has it now; default: always. */
  when?(context: Context): boolean;
  slots: Slot[];
}

/** What every drawing depends on: the theme, how far the run is, and which tables are open. */
const always = (c: Context): unknown[] => [
  c.palette,
  c.residue.status,
  c.residue.cancelledAt ?? null,
  c.residue.shell.id,
  c.residue.provenance.model.layers,
];
const open = (c: Context, ...ids: string[]): unknown[] => ids.map((id) => c.view[`table.${id}`] ?? null);

/** A part that the page's second script draws, which has come by then. */
const later = (part: LaterPart): Pick<Slot, 'draw' | 'later'> => ({ draw: (context) => rest()!.views[part](context), later: true });

/** The page's sections in the order in which a reader needs them. */
export const SECTIONS: Section[] = [
  {
    id: 'verdict',
    title: 'Did it fail?',
    columns: false,
    slots: [{ id: 'verdict', depends: (c) => [c.residue, c.off], draw: verdictView }],
  },
  {
    id: 'compare',
    title: 'How does it differ?',
    columns: false,
    when: (c) => c.comparison !== null,
    slots: [
      {
        id: 'compare',
        depends: (c) => [
          ...always(c),
          c.comparison,
          c.view.curve ?? null,
          c.selection.shown?.name,
          ...open(c, 'curves', 'aligned', 'differences', 'compared-heads', 'doses'),
        ],
        ...later('compare'),
      },
    ],
  },
  {
    id: 'where',
    title: 'Where was it lost?',
    columns: true,
    slots: [
      {
        id: 'tokens',
        depends: (c) => {
          const run = c.selection.shown;
          return [
            ...always(c),
            run?.tokens,
            run?.spans,
            run?.attention?.meanByToken,
            run?.attention?.valueWeightedByToken,
            run?.attribution?.byToken,
            run?.scores,
            c.selection.shading,
            c.selection.prompt,
            c.view.unfolded ?? null,
            c.view.allRivals ?? null,
            c.link.pinned.token,
            ...open(c, 'tokens'),
          ];
        },
        draw: (c) => [tokensView(c)],
      },
      {
        id: 'margin',
        depends: (c) => [
          ...always(c),
          c.selection.run?.lens,
          c.selection.run?.collapse,
          c.selection.run?.verification?.interval,
          c.selection.run?.scores?.tau,
          c.selection.run?.scores?.rivals,
          c.residue.control?.lens,
          c.view.lines ?? null,
          ...open(c, 'margin'),
        ],
        draw: (c) => [marginView(c)],
      },
    ],
  },
  {
    id: 'parts',
    title: 'Which parts did it?',
    columns: false,
    slots: [
      {
        id: 'salience',
        depends: (c) => [...always(c), c.selection.shown?.salience, ...open(c, 'salience')],
        ...later('salience'),
      },
      {
        id: 'heads',
        depends: (c) => [
          ...always(c),
          c.selection.shown?.attribution,
          c.selection.shown?.attention?.spans,
          c.selection.shown?.commands,
          c.selection.shown?.headVerdicts,
          c.selection.shown?.nulls,
          c.residue.claims,
          c.selection.span,
          c.view.writes ?? null,
          c.view.sort ?? null,
          c.view.ascending ?? null,
          c.view.allHeads ?? null,
          ...open(c, 'heads'),
        ],
        ...later('heads'),
      },
      {
        id: 'attention',
        depends: (c) => [
          ...always(c),
          c.selection.shown?.attention?.rows,
          c.selection.shown?.tokens,
          c.selection.shown?.spans,
          c.link.pinned.head,
          c.off,
          c.view.pattern ?? null,
          c.selection.shown && c.link.pinned.head ? c.patterns.version(c.selection.shown, c.link.pinned.head) : null,
          ...open(c, 'attention', 'pattern'),
        ],
        ...later('attention'),
      },
      {
        id: 'disruption',
        depends: (c) => [
          ...always(c),
          c.selection.shown?.disruption,
          c.selection.shown?.shape,
          c.selection.shown?.nothing,
          c.selection.shown?.propagation,
          c.residue.nullSpace,
          ...open(c, 'disruption', 'propagation', 'shape'),
        ],
        ...later('disruption'),
      },
      {
        id: 'cause',
        depends: (c) => [
          ...always(c),
          c.selection.shown?.verification,
          c.selection.shown?.scores?.failed,
          c.view.patching ?? null,
          c.off,
          c.selection.index === c.residue.primary,
          ...open(c, 'recovery', 'patching', 'effects'),
        ],
        ...later('cause'),
      },
      {
        id: 'graph',
        depends: (c) => [
          ...always(c),
          c.selection.shown?.graph,
          c.selection.shown?.tokens,
          c.selection.prompt,
          c.selection.index === c.residue.primary,
          c.off,
          ...open(c, 'graph'),
        ],
        ...later('graph'),
      },
      {
        id: 'commands',
        depends: (c) => [
          ...always(c),
          c.selection.shown?.commands,
          c.selection.prompt,
          c.residue.shell.run.length,
          Object.entries(c.view).filter(([k]) => k.startsWith('table.command')),
        ],
        ...later('commands'),
      },
    ],
  },
  {
    id: 'almost',
    title: 'What did it almost say?',
    columns: false,
    slots: [
      {
        id: 'map',
        depends: (c) => [...always(c), c.selection.shown?.map, c.selection.shown?.tokens, c.view.measure ?? null, ...open(c, 'map')],
        ...later('map'),
      },
      {
        id: 'words',
        depends: (c) => [
          ...always(c),
          c.selection.shown?.almostSaid,
          c.selection.shown?.generation,
          c.selection.shown?.looping,
          ...open(c, 'almost', 'generation'),
        ],
        ...later('words'),
      },
    ],
  },
  {
    id: 'hold',
    title: 'Does it hold?',
    columns: false,
    slots: [
      {
        id: 'hold',
        depends: (c) => [
          ...always(c),
          c.residue.runs.map((r) => [r.name, r.x, r.vary, r.scores?.margin, r.scores?.failed]),
          c.residue.paraphrases.map((r) => [r.name, r.scores?.margin, r.scores?.failed]),
          c.residue.density,
          c.selection.index,
          ...open(c, 'dose', 'density', 'paraphrases'),
        ],
        ...later('hold'),
      },
      { id: 'claims', depends: (c) => [...always(c), c.residue.claims, ...open(c, 'claims')], ...later('claims') },
    ],
  },
  {
    id: 'provenance',
    title: 'Provenance',
    columns: false,
    slots: [
      {
        id: 'provenance',
        depends: (c) => [
          c.residue.provenance,
          c.residue.shell,
          c.residue.checks,
          c.residue.expectations,
          c.residue.notes,
          c.residue.created,
          c.residue.status,
        ],
        ...later('provenance'),
      },
    ],
  },
];
