import type { Place } from '../errors.js';
import type { Range } from '../shell/types.js';

export interface ShellText {
  text: string;
  file: string | null;
}

/** Lines and columns, from 1, of a range of characters of the shell's text, and its file. */
export function placeOf({ text, file }: ShellText, { start, end }: Range): Place & { line: number } {
  const at = (offset: number): [number, number] => {
    const before = text.slice(0, offset);
    return [before.split('\n').length, offset - before.lastIndexOf('\n')];
  };
  const [line, column] = at(start);
  const [endLine, endColumn] = at(end);
  return { ...(file === null ? {} : { file }), line, column, endLine, endColumn };
}
