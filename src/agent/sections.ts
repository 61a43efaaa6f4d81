import { InputError } from '../errors.js';
import { residueSchema } from '../residue/schema.js';
import { canonicalResidue } from '../residue/write.js';
import type { Residue, RunTrace } from '../residue/types.js';
import { suggestion } from '../shell/suggest.js';

/** What says which run it is and what was read, not what was measured. */
const OF_EVERY_RUN = new Set(['name', 'label', 'vary', 'x', 'bosAdded', 'position']);
/** What is told otherwise. */
const OF_EVERY_RESIDUE = new Set(['$schema', 'format', 'status', 'cancelledAt', 'created', 'runs', 'primary', 'control', 'paraphrases']);

/** Parts of a run that can be asked for, as the schema has them; what a run lacks was not measured. */
const OF_RUN = Object.keys(residueSchema.$defs?.RunTrace?.properties ?? {}).filter((name) => !OF_EVERY_RUN.has(name)) as (keyof RunTrace)[];
const OF_RESIDUE = Object.keys(residueSchema.properties ?? {}).filter((name) => !OF_EVERY_RESIDUE.has(name)) as (keyof Residue)[];

/** Every section's name, those of a run first. */
export const SECTIONS: readonly string[] = [...OF_RUN, ...OF_RESIDUE];

/** Characters of JSON that one answer may hold of sections: about a quarter of a large model's context. */
export const MOST_CHARACTERS = 120_000;

/** Sections that a residue, and one of its runs, has. */
export function sectionNames(residue: Residue, run: RunTrace | undefined): string[] {
  return [...OF_RUN.filter((name) => run?.[name] !== undefined), ...OF_RESIDUE.filter((name) => residue[name] !== undefined)];
}

export interface Sections {
  /** Name of the run that they are of. */
  run: string;
  /** The sections asked for, as docs and media/schemas/residue.schema.json have them. */
  sections: Record<string, unknown>;
  /** Those that are not there, and why. */
  omitted: { section: string; why: string }[];
}

/** The run of a name: one of `runs`, `control` or a paraphrase. Default: the headline's. */
function runOf(residue: Residue, name: string | undefined): RunTrace | undefined {
  if (name === undefined) return residue.runs[residue.primary];
  const all = [...residue.runs, ...(residue.control ? [residue.control] : []), ...residue.paraphrases];
  const found = all.find((run) => run.name === name);
  if (!found)
    throw new InputError(
      `The residue has no run ${JSON.stringify(name)}: ${
        suggestion(
          name,
          all.map((run) => run.name),
        ).text
      }`,
    );
  return found;
}

/**
 * Whole sections of a residue by name, as they stand in its file, until `MOST_CHARACTERS` are used up.
 * Throws InputError for a name that no residue has, and for a run that this one has not.
 */
export function sectionsOf(residue: Residue, names: readonly string[], runName?: string): Sections {
  for (const name of names)
    if (!SECTIONS.includes(name)) throw new InputError(`There is no section ${JSON.stringify(name)}: ${suggestion(name, SECTIONS).text}`);
  const whole = canonicalResidue(residue);
  const run = runOf(whole, runName);
  const answer: Sections = { run: run?.name ?? '', sections: {}, omitted: [] };
  let left = MOST_CHARACTERS;
  for (const section of new Set(names)) {
    const value = (OF_RUN as string[]).includes(section) ? run?.[section as keyof RunTrace] : whole[section as keyof Residue];
    if (value === undefined) {
      answer.omitted.push({ section, why: 'It was not measured.' });
      continue;
    }
    const { length } = JSON.stringify(value);
    if (length > left) {
      answer.omitted.push({
        section,
        why: `It has ${length} characters, and ${left} are left of an answer's ${MOST_CHARACTERS}: save the residue and read the file.`,
      });
      continue;
    }
    left -= length;
    answer.sections[section] = value;
  }
  return answer;
}
