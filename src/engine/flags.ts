/**
 * How the engine's Node is started. Traced arrays lie outside V8's heap, tens of megabytes of them a pass; what is done with is given
 * back at once (`RunResult.release`), and these keep what remains from costing the model its processor.
 */

/** Versions of V8 that know `--external-memory-accounted-in-global-limit`, as [major, minor]: an unknown flag keeps a Node from starting. */
const ACCOUNTS_EXTERNAL = { from: [13, 6], before: [14, 0] } as const;

/**
 * Flags for the engine's Node.
 * @param v8 Version of the V8 that will run it, as `process.versions.v8` tells it; null when that is not known.
 */
export function engineFlags(v8: string | null): string[] {
  return [
    // With threads of their own, the many small collections would take the processor from the model's (a sixth of a traced pass).
    '--single-threaded-gc',
    // Else arrays outside the heap bring about a whole collection at every 64 MB, less than one traced pass of a small model.
    ...(v8 !== null && isBetween(v8, ACCOUNTS_EXTERNAL) ? ['--external-memory-accounted-in-global-limit', '--initial-heap-size=384'] : []),
  ];
}

function isBetween(v8: string, { from, before }: typeof ACCOUNTS_EXTERNAL): boolean {
  const [major = 0, minor = 0] = v8.split('.').map(Number);
  const number = 1000 * major + minor;
  return number >= 1000 * from[0] + from[1] && number < 1000 * before[0] + before[1];
}

/**
 * What glibc's allocator is asked for. A run makes and lets go of the same large arrays again and again: huge pages are not faulted in
 * 4 KiB at a time, and memory that was let go of is kept for the next array, up to these bytes, rather than given back and zeroed anew
 * (half of the time of a batch of long prompts went there).
 */
const ALLOCATOR = { 'glibc.malloc.hugetlb': 1, 'glibc.malloc.mmap_threshold': 2 ** 26, 'glibc.malloc.trim_threshold': 2 ** 28 };

/** The environment of the engine's process, from that of the one that starts it. */
export function engineEnvironment(parent: NodeJS.ProcessEnv, { platform = process.platform, electron = false } = {}): NodeJS.ProcessEnv {
  const env = { ...parent };
  // Flags meant for the parent (coverage, loaders, inspectors) stop an engine from starting.
  delete env.NODE_OPTIONS;
  if (electron) env.ELECTRON_RUN_AS_NODE = '1';
  if (platform !== 'linux') return env;
  const own = env.GLIBC_TUNABLES ?? '';
  // What a user has set stays as it is.
  const more = Object.entries(ALLOCATOR).flatMap(([name, value]) => (own.includes(`${name}=`) ? [] : `${name}=${value}`));
  env.GLIBC_TUNABLES = [...(own === '' ? [] : [own]), ...more].join(':');
  return env;
}
