/**
 * Where the time of a shell's run goes: milliseconds of each stage, of processor time too, and how often each of the engine's calls was made.
 * Arguments: the shell; `--verify`, `--verify=full` or `--no-verify`. Prints a table: milliseconds, those of the processor, of it in the kernel, and pages
 * that were touched for the first time.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLocal } from '../src/engine/local/index.js';
import type { Model } from '../src/engine/api.js';
import { loadModel } from '../src/model/load.js';
import { packageRoot } from '../src/paths.js';
import { resolveAnyModel } from '../src/planted/catalog.js';
import { runShell } from '../src/run/run.js';
import { parseShell } from '../src/shell/parse.js';

const file = process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? 'shells/v1-memtrace.shell.yaml';
const verify = process.argv.includes('--no-verify')
  ? false
  : process.argv.includes('--verify=full')
    ? 'full'
    : process.argv.includes('--verify') || undefined;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const spent = (): number => (process.cpuUsage().user + process.cpuUsage().system) / 1000;
const kernel = (): number => process.cpuUsage().system / 1000;
const faults = (): number => process.resourceUsage().minorPageFault;

interface Row {
  wall: number;
  cpu: number;
  kernel: number;
  faults: number;
  calls: Map<string, { count: number; rows: number; wall: number }>;
}
const stages = new Map<string, Row>();
let current = '';
const look = () => ({ wall: performance.now(), cpu: spent(), kernel: kernel(), faults: faults() });
let since = look();
const started = { ...since };
function enter(stage: string): void {
  const now = look();
  const row = stages.get(current) ?? { wall: 0, cpu: 0, kernel: 0, faults: 0, calls: new Map() };
  row.wall += now.wall - since.wall;
  row.cpu += now.cpu - since.cpu;
  row.kernel += now.kernel - since.kernel;
  row.faults += now.faults - since.faults;
  if (current !== '') stages.set(current, row);
  [current, since] = [stage, now];
  if (stage !== '' && !stages.has(stage)) stages.set(stage, { wall: 0, cpu: 0, kernel: 0, faults: 0, calls: new Map() });
}

/** Prompts that a call runs, or variants of one. */
function rowsOf(name: string, given: readonly unknown[]): number {
  const of = given[name === 'variants' ? 1 : 0];
  return name === 'variants' || (name === 'run' && Array.isArray(of) && Array.isArray(of[0])) ? (of as unknown[]).length : 1;
}

/** The model, with its calls counted. */
function counted(model: Model): Model {
  return new Proxy(model, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function' || !['run', 'variants', 'lens', 'unembed', 'generate', 'unembedGram'].includes(String(name)))
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      return async (...given: unknown[]) => {
        const begin = performance.now();
        const into = stages.get(current)?.calls;
        try {
          return await (value as (...all: unknown[]) => Promise<unknown>).apply(target, given);
        } finally {
          const row = into?.get(String(name)) ?? { count: 0, rows: 0, wall: 0 };
          row.count++;
          row.rows += rowsOf(String(name), given);
          row.wall += performance.now() - begin;
          into?.set(String(name), row);
        }
      };
    },
  });
}

enter('parse the shell');
const text = readFileSync(file, 'utf8');
const { shell } = parseShell(text);
if (!shell) throw new Error(`${file} is no shell.`);
enter('open the model');
const threads = process.env.THREADS ? { threads: Number(process.env.THREADS) } : {};
const lane = join(packageRoot(), 'dist', 'lane.cjs');
const model = await openLocal(await loadModel(resolveAnyModel(shell.model ?? 'pocket', '.').path), { ...threads, lane });
enter('plan');
await runShell(counted(model), shell, { text, file }, { verify, onProgress: ({ stage }) => enter(stage.replace(/ \(\d+ of \d+\)$/, '')) });
enter('');
await model.close();
const total = performance.now() - started.wall;
say(`${'wall ms'.padStart(8)} ${'cpu ms'.padStart(8)} ${'kernel'.padStart(8)} ${'faults'.padStart(8)}  stage`);
for (const [name, { wall, cpu, kernel, faults, calls }] of stages) {
  if (wall < 1) continue;
  const made = [...calls]
    .map(([call, { count, rows, wall }]) => `${call} × ${count}${rows > count ? ` of ${rows}` : ''} ${Math.round(wall)} ms`)
    .join(', ');
  say(
    `${wall.toFixed(0).padStart(8)} ${cpu.toFixed(0).padStart(8)} ${kernel.toFixed(0).padStart(8)} ${String(faults).padStart(8)}  ${name}${made && `  (${made})`}`,
  );
}
say(`${total.toFixed(0).padStart(8)} ${(spent() - started.cpu).toFixed(0).padStart(8)}  in all`);
