import { InputError } from '../errors.js';
import type { PanelState } from './messages.js';

/**
 * The address of a view: a file (a shell or a residue) and what is looked at in its panel, as a URI that can be sent and opened again.
 * Pure, so that it is tested without an editor.
 */
export interface Address {
  /** A path from a folder of the workspace on, `/` between its parts; or a whole URI (`file:///…`). */
  file: string;
  view: PanelState['view'];
}

/** Authority and path: the extension's id, which VS Code hands such URIs to. */
const PLACE = 'symbolic-residue.symbolic-residue/view';
/** Longest address that is read, characters. */
const LONGEST = 4096;

/** What a view's address holds, with what each may be. A pin that is not named is none. */
const KEYS: Readonly<Record<string, RegExp>> = {
  section: /^[a-z][\w-]{0,63}$/,
  run: /^[^\n\r]{1,200}$/,
  prompt: /^(probe|control)$/,
  row: /^\d{1,6}$/,
  head: /^\d{1,6}\.\d{1,6}$/,
  token: /^\d{1,6}$/,
  span: /^[^\n\r]{1,100}$/,
  shading: /^[a-z-]{1,20}$/,
  measure: /^[A-Za-z]{1,20}$/,
  lines: /^[a-z]{1,20}$/,
  writes: /^[a-z]{1,20}$/,
  patching: /^\w{1,20}$/,
};
const NUMBERS = new Set(['row', 'token']);
const PINS = ['row', 'head', 'token'] as const;

/** Files that an address may lead to. */
export const isAddressable = (path: string): boolean => /\.(shell\.ya?ml|residue\.json)$/i.test(path);

/** `vscode://symbolic-residue.symbolic-residue/view?file=…&head=3.1`; what a view holds beside the keys of an address is left out. */
export function writeAddress(scheme: string, { file, view }: Address): string {
  const query = new URLSearchParams({ file });
  for (const [key, pattern] of Object.entries(KEYS)) {
    const value = view[key];
    if (value !== null && value !== undefined && pattern.test(String(value))) query.set(key, String(value));
  }
  // A space as %20: a plus sign does not survive every program that a link passes through.
  return `${scheme}://${PLACE}?${query.toString().replaceAll('+', '%20')}`;
}

/**
 * Reads an address, whatever scheme the editor has that it was copied in. Throws InputError for a text that is none, and for a part of it
 * that cannot be.
 */
export function readAddress(text: string): Address {
  const link = text.trim();
  if (link.length > LONGEST) throw new InputError(`The link has ${link.length} characters; one to a view has at most ${LONGEST}.`);
  const match = /^[a-z][a-z0-9+.-]*:\/\/([^?#]*)\?([^#]*)$/i.exec(link);
  if (!match || match[1]!.toLowerCase().replace(/\/+$/, '') !== PLACE)
    throw new InputError(`This is not a link to a view: one begins with \`vscode://${PLACE}?file=\`.`);
  const query = new URLSearchParams(match[2]);
  const file = query.get('file') ?? '';
  if (!isAddressable(file))
    throw new InputError(
      `The link's file is ${file === '' ? 'missing' : JSON.stringify(file.slice(0, 100))}: it must be a *.shell.yaml or a *.residue.json.`,
      { field: 'file' },
    );
  const view: PanelState['view'] = Object.fromEntries(PINS.map((pin) => [pin, null]));
  for (const [key, pattern] of Object.entries(KEYS)) {
    const value = query.get(key);
    if (value === null) continue;
    if (!pattern.test(value))
      throw new InputError(`The link's \`${key}\` is ${JSON.stringify(value.slice(0, 100))}, which no view has.`, { field: key });
    view[key] = NUMBERS.has(key) ? Number(value) : value;
  }
  return { file, view };
}
