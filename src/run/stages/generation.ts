import { loopingOf, speak } from '../speak.js';
import type { Stage } from '../stage.js';

/** Lets a probe go on, and looks whether what it says loops. */
export const generation: Stage = {
  name: 'generation',
  label: 'generation',
  on: 'probe',
  fills: ['generation', 'looping'],
  when: ({ generation }) => generation !== null,
  async run({ model, generation, subject, seed, signal, note }) {
    const { trace, prompt } = subject;
    trace.generation = await speak(model, prompt, { ...generation!, seed: generation!.seed + seed }, signal);
    const found = await loopingOf(model, prompt, trace.generation, signal);
    trace.looping = found.looping;
    if (found.note) note(found.note);
  },
};
