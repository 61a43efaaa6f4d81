import type { Model } from '../engine/api.js';
import { InputError } from '../errors.js';
import { prepare, type PromptParts } from '../shell/tokenize.js';
import { partOf, type Dose, type Part } from '../shell/chosen.js';
import { expandVary } from '../shell/template.js';
import type { VaryCombination } from '../shell/template.js';
import type { AnswerSpec, Shell } from '../shell/types.js';
import { placeOf, type ShellText } from './place.js';
import type { PreparedPrompt } from './types.js';

/** Everything one combination of vary values runs. */
export interface PlannedRun {
  combination: VaryCombination;
  /** `probe` or `probe.walk=40` */
  name: string;
  probe: PreparedPrompt;
  /** Index into `Plan.controls`; null without a control. */
  control: number | null;
  paraphrases: { name: string; index: number; prompt: PreparedPrompt }[];
}

export interface Plan {
  runs: PlannedRun[];
  /** One per distinct control. `control`, or `control.walk=40` where the controls differ. */
  controls: { name: string; prompt: PreparedPrompt; combination: VaryCombination }[];
  /** Which of the shell's runs these are; null: all. */
  part: Part | null;
  notes: string[];
}

/**
 * Fills in and tokenises every prompt of a shell, or of the runs that have one of the doses, before anything is run. Throws InputError for
 * the first that does not fit.
 */
export function makePlan(shell: Shell, model: Model, source: ShellText, doses?: readonly Dose[]): Plan {
  const { tokenizer, spec } = model;
  const notes = new Set<string>();
  const get = (parts: PromptParts, label: PreparedPrompt['label'], { values, vary }: VaryCombination, field: string): PreparedPrompt => {
    try {
      const prompt = prepare(parts, tokenizer, { label, values, vary, context: spec.context, vocabSize: spec.vocabSize });
      prompt.notes?.forEach((note) => notes.add(note));
      return prompt;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError(error.message, { field, ...placeOf(source, parts.prompt.range), ...error.place });
    }
  };
  const { answer, rivals } = shell;
  const controls: Plan['controls'] = [];
  const known = new Map<string, number>();
  const part = doses ? partOf(shell, doses) : null;
  const runs = (part?.combinations ?? expandVary(shell)).map((combination): PlannedRun => {
    const probe = get({ prompt: shell.prompt, answer, rivals }, 'probe', combination, 'prompt');
    let control: number | null = null;
    if (shell.control) {
      const prompt = get({ prompt: shell.control, answer, rivals }, 'control', combination, 'control');
      const key = promptKey(prompt);
      control = known.get(key) ?? controls.length;
      if (control === controls.length) {
        known.set(key, control);
        controls.push({ name: 'control', prompt, combination });
      }
    }
    const suffix = combination.label === '' ? '' : `.${combination.label}`;
    const paraphrases = shell.paraphrases.map((p, index) => ({
      name: `paraphrase.${index + 1}${suffix}`,
      index,
      prompt: get(
        { prompt: p.prompt, answer: p.answer ?? answer, rivals: p.rivals ?? without(rivals, p.answer) },
        'paraphrase',
        combination,
        `paraphrases[${index}]`,
      ),
    }));
    return { combination, name: `probe${suffix}`, probe, control, paraphrases };
  });
  if (controls.length > 1) for (const control of controls) control.name = `control.${control.combination.label}`;
  return { runs, controls, part, notes: [...notes] };
}

/** The shell's rivals, without the one that a paraphrase has for its own answer. */
function without(rivals: readonly AnswerSpec[] | null, answer: AnswerSpec | null): readonly AnswerSpec[] | null {
  const own = JSON.stringify(answer);
  return rivals && rivals.filter((rival) => JSON.stringify(rival) !== own);
}

/** The same for prompts that give the same run: tokens, spans and what is scored. */
export function promptKey({ ids, spans, answer, rivals }: PreparedPrompt): string {
  return JSON.stringify([ids, spans, answer.ids, rivals.map((r) => r.ids)]);
}
