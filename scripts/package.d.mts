export const targets: string[];
export function packageExtension(options?: { target?: string; out?: string }): Promise<string>;
