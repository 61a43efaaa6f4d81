import { join } from 'node:path';
import { CancelledError, InputError } from '../errors.js';
import { sha256File } from '../model/hash.js';
import { packageVersion } from '../paths.js';
import { refuseUnwritable, serializeResidue, writeFileAtomic } from '../residue/write.js';
import {
  contentOf,
  findManifests,
  joinManifests,
  keptText,
  manifestName,
  readManifest,
  residueName,
  writeManifest,
  type Done,
  type Manifest,
} from '../sweep/manifest.js';
import { rowOf, sweepMarkdown, sweepTable } from '../sweep/table.js';
import { parseShard, partOf, sha256, sweepId, unitsOf, type Unit } from '../sweep/units.js';
import { diagnose } from './check.js';
import { expandFiles, outputNames } from './files.js';
import { EXIT, inSession, sentenceOf, settingsOf, type ModelOptions, type Session } from './session.js';

export interface SweepOptions extends ModelOptions {
  models?: string[];
  table?: string[];
  shard?: string;
  resume?: boolean;
  out?: string;
  json?: boolean;
  junit?: string;
  sarif?: string;
  commands?: string[];
  vary?: string[];
  npz?: string;
}

/** `residue run --models a,b shells/`: every shell on every model, or one shard of it. Returns the exit code. */
export function sweepCommand(args: readonly string[], options: SweepOptions): Promise<number> {
  return inSession(options.color, async (session) => {
    const { terminal } = session;
    if (!options.models) throw new InputError('--table, --shard and --resume are for a sweep: name its models with --models m1,m2.');
    if (options.model !== undefined) throw new InputError('--model and --models exclude each other.');
    for (const flag of ['json', 'junit', 'sarif', 'commands', 'vary', 'npz'] as const)
      if (options[flag] !== undefined) throw new InputError(`--${flag} is for a run on one model; a sweep writes --out and --table.`);
    const shard = options.shard === undefined ? null : parseShard(options.shard);
    if ((shard || options.resume) && options.out === undefined)
      throw new InputError(`${shard ? '--shard' : '--resume'} needs --out DIR, where the residues are kept.`);
    checkTables(options.table);
    const files = expandFiles(args);
    const checked = files.map(diagnose);
    for (const { lines } of checked) for (const line of lines) terminal.err(line);
    if (checked.some(({ text }) => text === null)) return EXIT.badInput;
    const places = [...(options.out === undefined ? [] : [join(options.out, manifestName(shard))]), ...(options.table ?? [])];
    places.forEach(refuseUnwritable);
    const names = outputNames(files);
    const units = unitsOf(
      names.map((name, i) => ({ name, sha256: sha256(checked[i]!.text!) })),
      options.models,
    );
    const manifest: Manifest = {
      format: 1,
      kind: 'sweep',
      sweep: sweepId(units, options.seed ?? 0),
      shard,
      plan: units.map(({ name, shell, model }) => ({ unit: name, shell, model })),
      done: [],
    };
    const former = options.resume ? formerOf(options.out!, manifest) : [];
    const mine = partOf(units, shard);
    for (const [i, unit] of mine.entries()) {
      const at = names.indexOf(unit.shell);
      const done = await doUnit(
        session,
        unit,
        { file: files[at]!, text: checked[at]!.text! },
        former,
        options,
        `${i + 1}/${mine.length} ${unit.name}`,
      );
      manifest.done.push(done);
      if (options.out !== undefined) writeManifest(options.out, manifest);
    }
    if (options.out !== undefined && mine.length === 0) writeManifest(options.out, manifest);
    await finish(session, manifest, options.table);
    return exitOf(manifest.done);
  });
}

function checkTables(tables: readonly string[] = []): void {
  for (const file of tables)
    if (!/\.(csv|md)$/i.test(file)) throw new InputError('--table takes a file that ends in .csv or .md.', { file });
}

function exitOf(done: readonly Done[]): number {
  if (done.some(({ error }) => error !== null)) return EXIT.badInput;
  return done.every(({ row }) => !row || row.expectations[0] === row.expectations[1]) ? EXIT.ok : EXIT.expectationsFailed;
}

/** What an earlier run of the same part left. A manifest that cannot be read is no help, and is written anew. */
function formerOf(folder: string, manifest: Manifest): Done[] {
  try {
    return readManifest(join(folder, manifestName(manifest.shard))).done;
  } catch {
    return [];
  }
}

/** Runs a unit, or finds it done: the same version, shell, model files and settings, and its file as it was written. */
async function doUnit(
  session: Session,
  unit: Unit,
  shell: { file: string; text: string },
  former: readonly Done[],
  options: SweepOptions,
  label: string,
): Promise<Done> {
  const { engine, terminal, signal } = session;
  const { threads, provider, seed = 0, out } = options;
  const settings = settingsOf(options);
  try {
    const onProgress = (event: { stage: string; done: number; total: number }) => terminal.progress.update(event, label);
    const { files } = await engine.open({ model: unit.model, settings }, { signal, onProgress });
    const hashes: string[] = [];
    for (const { path } of files) hashes.push(await sha256File(path, signal));
    const key = sha256(JSON.stringify([packageVersion(), unit.sha256, unit.shell, hashes, seed, threads ?? null, provider ?? null]));
    const before = former.find((done) => done.unit === unit.name && done.key === key && done.error === null);
    if (before && out !== undefined && keptText(out, before) !== null) {
      terminal.err(`${label}: already there`);
      return before;
    }
    const residue = await engine.runShell({ ...shell, model: unit.model, settings, seed: options.seed }, { signal, onProgress });
    if (residue.status !== 'complete') throw new CancelledError();
    const text = serializeResidue(residue);
    if (out !== undefined) {
      writeFileAtomic(join(out, residueName(unit.name)), text);
      terminal.err(`wrote ${join(out, residueName(unit.name))}`);
    }
    return { unit: unit.name, key, content: contentOf(text), error: null, row: rowOf(residue) };
  } catch (error) {
    if (signal.aborted || error instanceof CancelledError) throw new CancelledError();
    const line = sentenceOf(error);
    terminal.err(`${label}: ${line}`);
    return { unit: unit.name, key: null, content: null, error: line, row: null };
  }
}

async function finish({ terminal }: Session, manifest: Manifest, tables: readonly string[] = []): Promise<void> {
  for (const file of tables) {
    writeFileAtomic(file, sweepTable(manifest, file));
    terminal.err(`wrote ${file}`);
  }
  await terminal.out(sweepMarkdown(manifest));
}

export interface MergeOptions {
  out?: string;
  table?: string[];
  color: boolean;
}

/** `residue merge DIR… --out DIR`: the shards of a sweep as the one folder that the whole sweep would have written. Returns the exit code. */
export function mergeCommand(args: readonly string[], options: MergeOptions): Promise<number> {
  return inSession(options.color, async (session) => {
    const { terminal } = session;
    checkTables(options.table);
    const found = findManifests(args);
    const merged = joinManifests(found);
    const texts = new Map<string, string>();
    for (const entry of merged.done) {
      if (entry.content === null) continue;
      const text = found.flatMap(({ folder }) => keptText(folder, entry) ?? [])[0];
      if (text === undefined)
        throw new InputError(`${residueName(entry.unit)} is missing or was altered; run its shard again with --resume.`);
      texts.set(entry.unit, text);
    }
    if (options.out !== undefined) {
      for (const [unit, text] of texts) writeFileAtomic(join(options.out, residueName(unit)), text);
      writeManifest(options.out, merged);
      terminal.err(`wrote ${texts.size} residues and ${manifestName(null)} to ${options.out}`);
    }
    await finish(session, merged, options.table);
    return exitOf(merged.done);
  });
}
