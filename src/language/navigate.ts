import type { Occurrence } from './names.js';

/** Where a prompt's parts stand before one another: the probe first, then what fills it, its control, its paraphrases. */
const ORDER = ['prompt', 'let', 'vary', 'control', 'paraphrases'];

/**
 * Where the name of an occurrence is defined. A mark stands once in each prompt; the one meant is that of the prompt the cursor is in, else the
 * probe's. A placeholder has its key in `vary` or `let`.
 */
export function definitions(all: readonly Occurrence[], here: Occurrence): Occurrence[] {
  const found = all.filter(({ kind, name, role }) => kind === here.kind && name === here.name && role === 'definition');
  if (here.role === 'definition') return [here];
  const rank = ({ path }: Occurrence): number => ORDER.indexOf(String(path[0]));
  const first = [...found].sort((a, b) => rank(a) - rank(b) || a.start - b.start)[0];
  return first === undefined ? [] : [first];
}
