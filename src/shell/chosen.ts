import { InputError } from '../errors.js';
import { suggestion } from './suggest.js';
import type { Shell } from './types.js';

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
