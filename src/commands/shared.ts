import { InputError } from '../errors.js';
import type { LayerSet } from '../engine/api.js';
import type { CommandOutcome } from '../residue/types.js';
import type { Command, CommandContext } from './types.js';

/** Least effect of an intervention, nats, that is called a claim: below it the odds change by less than a tenth. */
export const CLAIM = 0.1;

/** `all` or a list, as a list. Throws InputError for a number that the model does not have. */
export function resolveIndexes(set: LayerSet | undefined, count: number, field: string, what: 'layer' | 'head'): number[] {
  if (set === undefined || set === 'all') return Array.from({ length: count }, (_, i) => i);
  const wrong = set.find((index) => index >= count);
  if (wrong !== undefined) {
    throw new InputError(`There is no ${what} ${wrong}: the model's ${what}s are 0 to ${count - 1}.`, { field });
  }
  return [...set].sort((a, b) => a - b);
}

/** First tokens of the answer and its rivals on the probe, and the strongest rival's. */
export function contest({ trace }: CommandContext): { answer: number; rivals: number[]; strongest: number | null } {
  const { answer, rivals, strongest } = trace.scores!;
  const firsts = rivals.map(({ ids }) => ids[0]!);
  return { answer: answer.ids[0]!, rivals: firsts, strongest: strongest === null ? null : firsts[strongest]! };
}

/** The outcome of a command whose span this prompt does not have. */
export function withoutSpan(name: string, params: Record<string, unknown>, span: string, values: CommandOutcome['values']): CommandOutcome {
  const finding = `This prompt has no span ${JSON.stringify(span)}, so nothing was measured.`;
  return { name, params, evidence: 'observed', findings: [finding], values, curves: [], tables: [] };
}

export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Units and evidence of an outcome's values, as the command declares them. */
export function measuresOf({ measures }: Command, { values }: CommandOutcome): CommandOutcome['measures'] {
  return Object.fromEntries(
    Object.keys(values).flatMap((name) => {
      const measure = measures[name];
      return measure ? [[name, { unit: measure.unit, ...(measure.evidence ? { evidence: measure.evidence } : {}) }]] : [];
    }),
  );
}
