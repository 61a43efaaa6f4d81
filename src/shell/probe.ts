import { Document, Scalar } from 'yaml';
import { escapeMarks } from './marks.js';

export interface ProbeText {
  /** What the model reads, to the character; marks in it are taken as text. */
  prompt: string;
  answer: string;
  /** Default: the model's own top tokens. */
  rivals?: readonly string[];
  title?: string;
}

/** U+007F, which no shell file may hold as it is. */
const DELETE = '\u007f';

/** Text of a shell that asks one prompt for one answer: an overview, with no span and nothing varied. */
export function probeShell({ prompt, answer, rivals, title = 'Probe' }: ProbeText): string {
  const quoted = (text: string): Scalar => {
    const scalar = new Scalar(text);
    scalar.type = Scalar.QUOTE_DOUBLE;
    return scalar;
  };
  const document = new Document({
    format: 1,
    shell: 'probe',
    title,
    family: 'memory',
    prompt: prompt.includes(DELETE) ? quoted(escapeMarks(prompt)) : new Scalar(escapeMarks(prompt)),
    answer: quoted(answer),
    ...(rivals && rivals.length > 0 ? { rivals: rivals.map(quoted) } : {}),
    run: [{ RECALL: {} }],
    generate: { tokens: 24 },
  });
  // The library escapes every other control character in quotes, but not this one.
  return document.toString({ lineWidth: 0 }).replaceAll(DELETE, '\\u007F');
}
