/** Words of the guards in guards.ts: each takes a value of any kind and says whether it has a structure. No library: the page imports this. */
export type Check = (value: unknown) => boolean;

export const isString: Check = (v) => typeof v === 'string';
export const isNumber: Check = (v) => typeof v === 'number' || v === null;
export const isBoolean: Check = (v) => typeof v === 'boolean';
export const isPlain = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
export const isScalar: Check = (v) => v === null || typeof v === 'string' || typeof v === 'number' || typeof v === 'boolean';

export const list =
  (item: Check): Check =>
  (v) =>
    Array.isArray(v) && v.every(item);
export const record =
  (item: Check): Check =>
  (v) =>
    isPlain(v) && Object.values(v).every(item);
/** An object with these fields; a name ending in `?` may be absent. Other fields are let through. */
export const shape = (fields: Record<string, Check>): Check => {
  const entries = Object.entries(fields).map(([key, check]) => {
    const optional = key.endsWith('?');
    return { key: optional ? key.slice(0, -1) : key, optional, check };
  });
  return (v) => isPlain(v) && entries.every(({ key, optional, check }) => (optional && v[key] === undefined) || check(v[key]));
};
export const orNull =
  (check: Check): Check =>
  (v) =>
    v === null || check(v);
export const one =
  (...values: readonly string[]): Check =>
  (v) =>
    typeof v === 'string' && values.includes(v);

export const numbers = list(isNumber);
export const matrix = list(numbers);
export const range: Check = (v) => Array.isArray(v) && v.length === 2 && v.every((x) => Number.isInteger(x));
export const interval: Check = (v) => Array.isArray(v) && v.length === 2 && v.every(isNumber);
