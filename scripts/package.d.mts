export const targets: string[];
export function packageExtension(options?: { target?: string }): Promise<string>;
export function packageExtensions(options?: { targets?: readonly string[]; folder?: string }): Promise<string[]>;
