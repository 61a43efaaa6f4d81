/**
 * `model:` of a shell at the top level, as written; null when it names none. Line by line and cheap: the status bar asks on every
 * keystroke, when the text need not be a valid shell.
 */
export function namedModel(text: string): string | null {
  const line = text.split('\n').find((candidate) => candidate.startsWith('model:'));
  if (line === undefined) return null;
  const value = line.slice('model:'.length).trim();
  const quoted = /^(["'])(.*?)\1/.exec(value)?.[2];
  const plain = value.startsWith('#') ? '' : (value.split(/\s#/, 1)[0] ?? '').trimEnd();
  return (quoted ?? plain) || null;
}
