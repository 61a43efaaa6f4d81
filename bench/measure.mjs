// How things are timed: medians, pairs in alternating order so that drift of the machine falls on both sides alike.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Milliseconds of an async call. */
export async function time(work) {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** Times two calls `pairs` times in alternating order; the ratio is the median over pairs of a / b. */
export async function paired(a, b, pairs) {
  const times = { a: [], b: [] };
  await a();
  await b();
  for (let i = 0; i < pairs; i++) {
    const order = i % 2 ? ['a', 'b'] : ['b', 'a'];
    for (const side of order) times[side].push(await time(side === 'a' ? a : b));
  }
  return { a: median(times.a), b: median(times.b), ratio: median(times.a.map((t, i) => t / times.b[i])) };
}

/** Runs a script in a fresh Node and returns the last line it prints, parsed. */
export function inFreshNode(script, args = []) {
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script, '--', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return JSON.parse(out.trim().split('\n').at(-1));
}

/**
 * Starts a process that does nothing but watch its own event loop. The function given back ends it and resolves with the longest
 * delay it saw (milliseconds): what the machine's load alone does to an event loop.
 */
export function idleNeighbour() {
  const script = `const delay = require('node:perf_hooks').monitorEventLoopDelay({ resolution: 1 });
delay.enable();
process.once('message', () => { process.send(delay.max / 1e6); process.disconnect(); });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return async () => {
    child.send('stop');
    return (await once(child, 'message'))[0];
  };
}
