import type { ToHost } from '../src/residue/messages.js';
import { h } from './dom.js';

// Buttons and drop-downs are elements of the toolkit's, whose code (controls.ts) comes after the first paint; until then the style
// sheet draws them, at the same size, and a click is heard.

/** A push button; `off` says why it does nothing now. */
export function button(
  label: string,
  click: () => void,
  options: { secondary?: boolean; title?: string; key?: string; off?: string | null } = {},
): HTMLElement {
  return h(
    'vscode-button',
    {
      class: options.off ? 'button off' : 'button',
      title: options.off ?? options.title,
      key: options.key,
      attrs: { appearance: options.secondary ? 'secondary' : 'primary', 'aria-disabled': options.off ? 'true' : null },
      on: { click: () => !options.off && click() },
    },
    label,
  );
}

/** A button that runs the shell, greyed and saying why where nothing may be run. */
export function runButton(
  { off, send }: { off: string | null; send(message: ToHost): void },
  label: string,
  ask: { verify?: true; graph?: true },
  { primary, ...options }: { key: string; title?: string; primary?: boolean },
): HTMLElement {
  return button(label, () => send({ type: 'run', ...ask }), { secondary: !primary, off, ...options });
}

/** A drop-down list. `change` gets the chosen index. */
export function dropdown(
  label: string,
  options: readonly string[],
  chosen: number,
  change: (index: number) => void,
  key: string,
): HTMLElement {
  const element = h('vscode-dropdown', { class: 'dropdown', key, attrs: { 'aria-label': label } });
  addOptions(element, options, chosen);
  element.addEventListener('change', () => {
    const index = Number((element as HTMLElement & { value: string }).value);
    if (Number.isInteger(index) && index !== chosen) change(index);
  });
  return h('label', { class: 'field' }, h('span', { class: 'field-name' }, label), element);
}

/** Adds options below those that a drop-down list has. */
export function addOptions(list: Element, options: readonly string[], chosen = -1): void {
  const from = list.children.length;
  list.append(...options.map((text, i) => h('vscode-option', { attrs: { value: String(from + i), selected: from + i === chosen } }, text)));
}

/** A row of exclusive choices, as buttons with aria-pressed. */
export function choice<T extends string>(
  label: string,
  options: readonly { value: T; text: string; title?: string }[],
  chosen: T,
  change: (value: T) => void,
  key: string,
): HTMLElement {
  return h(
    'div',
    { class: 'choice', attrs: { role: 'group', 'aria-label': label } },
    ...options.map(({ value, text, title }) =>
      h(
        'button',
        {
          class: 'choice-item',
          title,
          key: `${key}.${value}`,
          attrs: { type: 'button', 'aria-pressed': String(value === chosen) },
          on: { click: () => value !== chosen && change(value) },
        },
        text,
      ),
    ),
  );
}

/** A small text button of a figure's tool row. */
export function tool(text: string, click: () => void, options: { title: string; pressed?: boolean; key?: string }): HTMLElement {
  return h(
    'button',
    {
      class: 'tool',
      title: options.title,
      key: options.key,
      attrs: { type: 'button', 'aria-pressed': options.pressed === undefined ? null : String(options.pressed) },
      on: { click },
    },
    text,
  );
}
