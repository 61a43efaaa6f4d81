/** What a test asks of its shell beyond the fact, the question and the answer. */
export interface ShellTextOptions {
  /** `shell:`, by which lenses and notifications call it. */
  id: string;
  title?: string;
  /** Path or id of the model; default: the setting's. */
  model?: string;
  /** Numbers of sentences between the fact and the question; undefined: none, and nothing is varied. */
  times?: readonly number[];
  /** Whether a control with the fact at once before the question is there. */
  control?: boolean;
  answer?: string;
  /** Null: the model's own. */
  rivals?: readonly string[] | null;
  /** Lines of `run`, of `expect` and further ones at the top level. */
  run?: readonly string[];
  expect?: readonly string[];
  more?: readonly string[];
}

const fact = 'Tom has a [[fact|red]] ball.';
const question = "Q: What color is Tom's ball? A:";
const list = (key: string, lines: readonly string[]): string[] =>
  lines.length > 0 ? [`${key}:`, ...lines.map((line) => `  - ${line}`)] : [];

/** The text of a small shell that every bundled model can run, in the one form that tests of the editor count lines in. */
export function shellText(options: ShellTextOptions): string {
  const { id, title, model, times, control, answer = ' red', rivals = [' blue'], run = ['ANCHOR: { span: fact }'], expect = [] } = options;
  return [
    'format: 1',
    `shell: ${id}`,
    ...(title === undefined ? [] : [`title: ${title}`]),
    'family: memory',
    ...(model === undefined ? [] : [`model: ${model}`]),
    'prompt: |-',
    `  ${fact} ${times ? '{{walk}}' : ''}${question}`,
    ...(control ? [`control: "${fact} ${question}"`] : []),
    `answer: ${JSON.stringify(answer)}`,
    ...(rivals ? [`rivals: [${rivals.map((one) => JSON.stringify(one)).join(', ')}]`] : []),
    ...(times ? ['vary:', `  walk: { repeat: "They walk. ", times: [${times.join(', ')}] }`] : []),
    ...list('run', run),
    ...list('expect', expect),
    ...(options.more ?? []),
    '',
  ].join('\n');
}
