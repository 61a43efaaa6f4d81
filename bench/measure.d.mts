export function paired(
  a: () => Promise<unknown>,
  b: () => Promise<unknown>,
  pairs: number,
): Promise<{ a: number; b: number; ratio: number }>;
