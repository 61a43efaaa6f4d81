/** What the engine writes to stderr, shown where somebody looks for a fault. */
export function logLine(line: string): void {
  if (process.env.RESIDUE_DEBUG) process.stderr.write(`${line}\n`);
}
