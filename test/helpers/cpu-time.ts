/**
 * Milliseconds of this process's own processor time that synchronous work takes: what else the machine does at the moment does not count,
 * as it would by the clock. For what must not take time out of proportion to its input, not for how fast something is.
 */
export function cpuTime(work: () => void): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}
