export function findChromium(): string | null;
export function ensureChromium(): Promise<string>;
export const chromiumArguments: string[];
