export function paired(
  a: () => Promise<unknown>,
  b: () => Promise<unknown>,
  pairs: number,
): Promise<{ a: number; b: number; ratio: number }>;
export function median(values: readonly number[]): number;
export function time(work: () => Promise<void>): Promise<number>;
