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

/** glibc asks for huge pages where it can: fresh arrays are then not faulted in 4 KiB at a time. */
const HUGE_PAGES = 'glibc.malloc.hugetlb';

/** The environment of the engine's process, from that of the one that starts it. */
export function engineEnvironment(parent: NodeJS.ProcessEnv, { platform = process.platform, electron = false } = {}): NodeJS.ProcessEnv {
  const env = { ...parent };
  // Flags meant for the parent (coverage, loaders, inspectors) stop an engine from starting.
  delete env.NODE_OPTIONS;
  if (electron) env.ELECTRON_RUN_AS_NODE = '1';
  const tunables = env.GLIBC_TUNABLES ?? '';
  // What a user has set stays as it is.
  if (platform === 'linux' && !tunables.includes(`${HUGE_PAGES}=`)) {
    env.GLIBC_TUNABLES = [...(tunables === '' ? [] : [tunables]), `${HUGE_PAGES}=1`].join(':');
  }
  return env;
}
