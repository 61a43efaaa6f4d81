// Functions that run in the page: each is self-contained, as playwright sends its text.

/** How many pixels the page is wider than its window, or a text than what shows of it. */
export function overflow(): number {
  return Math.max(0, document.documentElement.scrollWidth - innerWidth, document.body.scrollWidth - innerWidth);
}

/** Pairs of texts that cover one another. */
export function overlappingTexts(): string[] {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const boxes: { text: string; node: Node; left: number; top: number; right: number; bottom: number }[] = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.nodeValue?.trim();
    const parent = node.parentElement;
    if (!text || !parent || parent.closest('.sr, [hidden], script, style')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const r of range.getClientRects()) {
      if (r.width < 1 || r.height < 1) continue;
      // What a scroll box hides is not seen.
      let { left, top, right, bottom } = r;
      for (let e: Element | null = parent; e; e = e.parentElement) {
        const style = getComputedStyle(e);
        if (!/auto|scroll|hidden/.test(style.overflowX + style.overflowY)) continue;
        const c = e.getBoundingClientRect();
        if (e !== document.documentElement) {
          left = Math.max(left, c.left);
          top = Math.max(top, c.top);
          right = Math.min(right, c.right);
          bottom = Math.min(bottom, c.bottom);
        }
      }
      // A line box is taller than its letters.
      const inset = (bottom - top) * 0.2;
      if (right - left > 2 && bottom - top > 4)
        boxes.push({ text: text.slice(0, 30), node, left: left + 1, top: top + inset, right: right - 1, bottom: bottom - inset });
    }
  }
  const found: string[] = [];
  for (let i = 0; i < boxes.length; i++)
    for (let j = i + 1; j < boxes.length; j++) {
      const a = boxes[i]!;
      const b = boxes[j]!;
      if (a.node === b.node || a.left >= b.right || b.left >= a.right || a.top >= b.bottom || b.top >= a.bottom) continue;
      // A sticky table head, or the labels of a graph's layers, cover what scrolls under them.
      if ([a, b].some(({ node }) => node.parentElement!.closest('th, .graph-gutter'))) continue;
      found.push(`${a.text} × ${b.text}`);
    }
  return found;
}

/** Texts under 11 px. */
export function smallTexts(): string[] {
  return [...document.querySelectorAll<HTMLElement>('body *')]
    .filter(
      (e) =>
        [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.nodeValue?.trim()) &&
        parseFloat(getComputedStyle(e).fontSize) < 11,
    )
    .map((e) => e.textContent ?? '');
}

/** Canvases without a sentence for a screen reader. */
export function unlabelledCanvases(): string[] {
  return [...document.querySelectorAll('canvas')].filter((c) => !c.getAttribute('aria-label')).map((c) => c.outerHTML);
}

/** How many pixels of the first matching canvas have about this colour. */
export function pixelsOf({ selector, colour }: { selector: string; colour: [number, number, number] }): number {
  const canvas = document.querySelector<HTMLCanvasElement>(selector)!;
  const copy = document.createElement('canvas');
  copy.width = canvas.width;
  copy.height = canvas.height;
  const context = copy.getContext('2d', { willReadFrequently: true })!;
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, copy.width, copy.height);
  let n = 0;
  for (let i = 0; i < data.length; i += 4) if (data[i + 3]! > 200 && colour.every((c, k) => Math.abs(data[i + k]! - c) < 24)) n++;
  return n;
}
