/** Children of an element: strings become text nodes, never markup. */
export type Child = Node | string | null | undefined | false;

/** Attributes and handlers of an element. `on` adds listeners, `style` sets CSS properties through the CSSOM (no inline style). */
export interface Props {
  class?: string;
  id?: string;
  title?: string;
  /** Identity across re-rendering, by which focus is given back. */
  key?: string;
  style?: Record<string, string>;
  on?: Record<string, (event: Event) => void>;
  attrs?: Record<string, string | number | boolean | null | undefined>;
}

/** Makes an element. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props?: Props | null, ...children: Child[]): HTMLElementTagNameMap[K];
export function h(tag: string, props?: Props | null, ...children: Child[]): HTMLElement;
export function h(tag: string, props?: Props | null, ...children: Child[]): HTMLElement {
  const element = document.createElement(tag);
  if (props) {
    if (props.class) element.className = props.class;
    if (props.id) element.id = props.id;
    if (props.title) element.title = props.title;
    if (props.key) element.dataset.key = props.key;
    for (const [name, value] of Object.entries(props.style ?? {})) element.style.setProperty(name, value);
    for (const [name, value] of Object.entries(props.attrs ?? {})) {
      if (value === true) element.setAttribute(name, '');
      else if (value !== false && value != null) element.setAttribute(name, String(value));
    }
    for (const [name, handler] of Object.entries(props.on ?? {})) element.addEventListener(name, handler);
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/** Makes an SVG element; attributes are set as they are. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attrs: Record<string, string | number | null>,
  ...children: (Node | string | null)[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attrs)) if (value !== null) element.setAttribute(name, String(value));
  for (const child of children) if (child !== null) element.append(child);
  return element;
}
