/** The window on a square of cells that is scrolled and zoomed. Pure: numbers in, numbers out. */
export interface Square {
  /** Cells along a side. */
  total: number;
  /** Cells along a side that are in sight. */
  shown: number;
  /** First cell in sight, of columns and of rows; may be between two. */
  x: number;
  y: number;
}

/** Fewest cells that are shown. */
const CLOSEST = 8;

const within = (value: number, from: number, to: number): number => Math.min(Math.max(value, from), Math.max(from, to));

/** Shows `shown` cells a side, what is at the given cell staying where it is in the window. */
export function zoomed(square: Square, shown: number, column = square.x + square.shown / 2, row = square.y + square.shown / 2): Square {
  const { total } = square;
  const next = within(shown, Math.min(CLOSEST, total), total);
  const place = (at: number, from: number): number => within(at - ((at - from) / square.shown) * next, 0, total - next);
  return { total, shown: next, x: place(column, square.x), y: place(row, square.y) };
}

/** Moves the window so that a cell is in sight, no farther than need be. */
export function revealed(square: Square, column: number, row: number): Square {
  const { total, shown } = square;
  const place = (at: number, from: number): number =>
    within(at < from ? at : at + 1 > from + shown ? at + 1 - shown : from, 0, total - shown);
  return { ...square, x: place(column, square.x), y: place(row, square.y) };
}
