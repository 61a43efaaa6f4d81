/**
 * Makes the items of a list reachable by keyboard at the price of one tab stop: Tab comes to the item that was last at, arrow keys, Home
 * and End move among them. What an item's title says is shown where it is focused (page.ts).
 */
export function roving(list: HTMLElement, selector: string): void {
  const items = [...list.querySelectorAll<HTMLElement>(selector)];
  items.forEach((item, i) => (item.tabIndex = i === 0 ? 0 : -1));
  list.addEventListener('keydown', (event) => {
    const at = items.findIndex((item) => item === event.target);
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const next = {
      ArrowDown: at + 1,
      ArrowRight: at + 1,
      ArrowUp: at - 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: items.length - 1,
    }[event.key];
    const item = next === undefined ? undefined : items[Math.min(items.length - 1, Math.max(0, next))];
    if (!item) return;
    event.preventDefault();
    for (const other of items) other.tabIndex = other === item ? 0 : -1;
    item.focus();
  });
}
