/** A rectangle in pixels. */
export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}
/** A label and the places where it may stand, best first (top left corners). */
export interface Label {
  w: number;
  h: number;
  at: { x: number; y: number }[];
}

export const overlaps = (a: Box, b: Box): boolean => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/**
 * Places labels in order: each at its first candidate that lies within the bounds and touches nothing placed before. One that
 * finds no place is dropped (null), never cut.
 */
export function place(labels: readonly Label[], bounds: Box, obstacles: readonly Box[] = []): (Box | null)[] {
  const taken = [...obstacles];
  return labels.map(({ w, h, at }) => {
    for (const { x, y } of at) {
      const box = { x, y, w, h };
      const inside = x >= bounds.x && y >= bounds.y && x + w <= bounds.x + bounds.w && y + h <= bounds.y + bounds.h;
      if (inside && !taken.some((t) => overlaps(t, box))) {
        taken.push(box);
        return box;
      }
    }
    return null;
  });
}

/** The usual places of a label around a point: right above, left above, right below, left below, above, below. */
export function around(x: number, y: number, w: number, h: number, gap = 6): { x: number; y: number }[] {
  return [
    { x: x + gap, y: y - h - gap / 2 },
    { x: x - w - gap, y: y - h - gap / 2 },
    { x: x + gap, y: y + gap / 2 },
    { x: x - w - gap, y: y + gap / 2 },
    { x: x - w / 2, y: y - h - gap },
    { x: x - w / 2, y: y + gap },
  ];
}
