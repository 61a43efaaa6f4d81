import type { Scores } from '../../residue/types.js';
import type { StageContext } from '../stage.js';
import type { PreparedPrompt } from '../types.js';

/** A prompt that succeeds where a paraphrase is to be explained, and what it scored. */
export interface Twin {
  prompt: PreparedPrompt;
  scores: Scores;
}

/**
 * The control of one of the headline's paraphrases: the same wording at the first values of `vary` at which neither it nor the probe
 * fails, so that answer and rivals are its own; else the shell's control, where both have one answer. Null without either.
 *
 * @param index Of the paraphrase in the shell.
 */
export function controlOfParaphrase(
  { plan, residue, control, paraphrases, shell }: Pick<StageContext, 'plan' | 'residue' | 'control' | 'paraphrases' | 'shell'>,
  index: number,
): Twin | null {
  const here = paraphrases[index]?.prompt;
  if (!here) return null;
  for (const [k, run] of plan.runs.entries()) {
    if (k === residue.primary || residue.runs[k]?.scores?.failed !== false) continue;
    const scores = residue.paraphrases[k * shell.paraphrases.length + index]?.scores;
    const prompt = run.paraphrases[index]?.prompt;
    if (scores && !scores.failed && prompt && prompt.ids.join() !== here.ids.join()) return { prompt, scores };
  }
  const scores = control?.trace.scores;
  if (!control || !scores || scores.failed) return null;
  return control.prompt.answer.ids[0] === here.answer.ids[0] ? { prompt: control.prompt, scores } : null;
}
