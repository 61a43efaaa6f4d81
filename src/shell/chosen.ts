import { InputError } from '../errors.js';
import { suggestion } from './suggest.js';
import { expandVary, type VaryCombination } from './template.js';
import type { Shell } from './types.js';

/** Labels of some of a shell's `vary` values by name, `{ walk: '30' }`: it means every run that has all of them. */
export type Dose = Readonly<Record<string, string>>;

/** Indexes of a shell's commands by their names, in any case. Throws InputError for one that it does not call. */
export function chosenCommands({ run }: Shell, names: readonly string[]): number[] {
  const own = [...new Set(run.map(({ name }) => name))];
  for (const name of names)
    if (!own.includes(name.toUpperCase()))
      throw new InputError(
        own.length === 0
          ? `The shell calls no command, and ${JSON.stringify(name)} is asked for.`
          : `The shell calls no command ${JSON.stringify(name)}: ${suggestion(name, own).text}`,
      );
  const wanted = new Set(names.map((name) => name.toUpperCase()));
  return run.flatMap(({ name }, i) => (wanted.has(name) ? [i] : []));
}

/** `walk=30,colour=red`. */
export const doseText = (dose: Dose): string =>
  Object.entries(dose)
    .map(([name, label]) => `${name}=${label}`)
    .join(',');

/** Doses by their texts, `walk=30` or `walk=30,colour=red`; a label may hold commas itself. Throws InputError for one that the shell does not have. */
export function chosenDoses({ vary }: Pick<Shell, 'vary'>, texts: readonly string[]): Dose[] {
  const read = (text: string): Dose | undefined => {
    for (const { name, values } of vary)
      for (const { label } of values) {
        const own = `${name}=${label}`;
        const more = text === own ? {} : text.startsWith(`${own},`) ? read(text.slice(own.length + 1)) : undefined;
        if (more && !Object.hasOwn(more, name)) return { [name]: label, ...more };
      }
    return undefined;
  };
  return texts.map((text) => {
    const dose = read(text);
    if (dose) return dose;
    throw new InputError(
      vary.length === 0
        ? `The shell varies nothing, and ${JSON.stringify(text)} is asked for.`
        : `The shell has no run with ${JSON.stringify(text)}: ${
            suggestion(
              text,
              vary.flatMap(({ name, values }) => values.slice(0, 20).map(({ label }) => `${name}=${label}`)),
            ).text
          }`,
    );
  });
}

/** Which runs of a shell are made, where not all of them are. */
export interface Part {
  combinations: VaryCombination[];
  /** What was asked for, as `chosenDoses` reads it. */
  doses: string[];
  /** How many runs the shell has. */
  of: number;
  /** How many of the shell's first runs are among them, with no gap. */
  first: number;
}

/** The runs that have one of the doses; null where that is all of them. Throws InputError for a dose that no run has. */
export function partOf(shell: Pick<Shell, 'vary' | 'let'>, doses: readonly Dose[]): Part | null {
  const all = expandVary(shell);
  const has = ({ vary }: VaryCombination, dose: Dose): boolean => Object.entries(dose).every(([name, label]) => vary[name] === label);
  for (const dose of doses)
    if (Object.keys(dose).length === 0 || !all.some((one) => has(one, dose)))
      throw new InputError(`The shell has no run with ${JSON.stringify(doseText(dose))}.`, { field: 'vary' });
  const kept = all.map((one) => doses.some((dose) => has(one, dose)));
  const gap = kept.indexOf(false);
  if (gap < 0) return null;
  return {
    combinations: all.filter((_, i) => kept[i]),
    doses: [...new Set(doses.map(doseText))],
    of: all.length,
    first: gap,
  };
}
