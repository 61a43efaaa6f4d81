/** Milliseconds of processor time of this thread, not the clock: other programs on the machine are not what is measured. */
export function processorTime(): number {
  const { threadCpuUsage } = process as { threadCpuUsage?: () => NodeJS.CpuUsage };
  const { user, system } = (threadCpuUsage ?? process.cpuUsage)();
  return (user + system) / 1000;
}

/**
 * What synchronous work gives, and the processor time that it takes. For what must not take time out of proportion to its input, not for
 * how fast something is.
 */
export function timed<T>(work: () => T): { milliseconds: number; result: T } {
  const before = processorTime();
  const result = work();
  return { milliseconds: processorTime() - before, result };
}

/** Processor time of synchronous work. */
export const cpuTime = (work: () => void): number => timed(work).milliseconds;
