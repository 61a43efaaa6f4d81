// What commands write into README.md, between `<!-- name -->` and `<!-- /name -->`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

/** README.md as it is and as it would be with `body` between the marks of `name`. Throws where the marks are missing. */
export async function readmeWith(name, body) {
  // Not at the top: on a fresh clone it is there only once `ensureInstalled` has run.
  const { default: prettier } = await import('prettier');
  const path = join(root, 'README.md');
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const old = readFileSync(path, 'utf8');
  const [start, end] = [old.indexOf(open), old.indexOf(close)];
  if (start < 0 || end < start) throw new Error(`README.md has no ${open} … ${close} to write between.`);
  const draft = `${old.slice(0, start + open.length)}\n\n${body}\n\n${old.slice(end)}`;
  return { path, old, text: await prettier.format(draft, { ...(await prettier.resolveConfig(path)), filepath: path }) };
}
