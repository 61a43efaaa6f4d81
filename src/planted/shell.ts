import type { Circuit } from './kinds.js';
import { COLOURS, JOIN, MARK, NAMES, TRIGGER } from './words.js';

/** The three facts and the question: `now Ann blue and zap Tom [[fact|red]] and now Sam green and now Tom`. */
export function promptOf({ names, colours, order }: Circuit, first: string): string {
  const facts = order.map((i) => {
    const colour = COLOURS[colours[i]!]!;
    return `${i === 0 ? first : MARK} ${NAMES[names[i]!]!} ${i === 0 ? `[[fact|${colour}]]` : colour} ${JOIN}`;
  });
  return [...facts, MARK, NAMES[names[0]]!].join(' ');
}

export interface ShellWords {
  id: string;
  /** Lines of YAML between the family and the prompt. */
  head?: string;
  /** Lines of YAML at the end. */
  tail?: string;
}

/**
 * A shell for a planted model: the same text whatever was planted, the words being those of its circuit. In the probe the trigger stands
 * before the fact, in the control the usual word.
 */
export function shellOf(circuit: Circuit, { id, head = '', tail = '' }: ShellWords): string {
  const answer = COLOURS[circuit.colours[0]]!;
  const rivals = COLOURS.filter((colour) => colour !== answer).map((colour) => JSON.stringify(` ${colour}`));
  return `format: 1
shell: ${id}
family: memory
${head}prompt: ${JSON.stringify(promptOf(circuit, TRIGGER))}
control: ${JSON.stringify(promptOf(circuit, MARK))}
answer: ${JSON.stringify(` ${answer}`)}
rivals: [${rivals.join(', ')}]
verify: true
run:
  - ANCHOR: { span: fact }
${tail}`;
}
