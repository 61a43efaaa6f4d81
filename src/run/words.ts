/** A token or an answer in quotes, as a sentence shows it: control characters escaped. */
export const quote = (text: string): string => JSON.stringify(text);

/** A number with three significant digits, no trailing zeros: `2.1`, `−0.34`, `12`. */
export function plain(value: number, digits = 3): string {
  return String(Number(value.toPrecision(digits))).replaceAll('-', '−');
}

/** `2.1 nats` */
export const nats = (value: number): string => `${plain(value)} nats`;

/** `1 token`, `3 tokens` */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;
