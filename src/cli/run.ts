import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CancelledError, InputError, type Place } from '../errors.js';
import { DEFAULT_MODEL } from '../model/catalog.js';
import { formatJUnit, type JUnitEntry, type Unjudged } from '../residue/junit.js';
import { packageVersion } from '../paths.js';
import { formatReport } from '../residue/report.js';
import { printable } from '../residue/report/text.js';
import { formatSarif, type SarifEntry } from '../residue/sarif.js';
import type { Residue } from '../residue/types.js';
import { makeFolders, refuseUnwritable, serializeResidue, writeFailure, writeFileAtomic, writeResidue } from '../residue/write.js';
import { wantWords } from '../run/expect.js';
import { placeOf } from '../run/place.js';
import { chosenCommands, chosenDoses } from '../shell/chosen.js';
import type { Range, Shell } from '../shell/types.js';
import { diagnose } from './check.js';
import { expandFiles, outputNames, readShell } from './files.js';
import { EXIT, inSession, sentenceOf, settingsOf, withoutPlace, type ModelOptions, type Session } from './session.js';

export interface RunCommandOptions extends ModelOptions {
  json?: boolean;
  junit?: string;
  sarif?: string;
  /** Only these of the shells' commands, by their names. */
  commands?: string[];
  /** Only these of the shells' values of vary, `walk=30`. */
  vary?: string[];
  /** Causal verification, as `RunShellOptions.verify`. */
  verify?: boolean | 'full';
  npz?: string;
  out?: string;
}

export interface ProbeCommandOptions extends ModelOptions {
  answer?: string;
  rivals?: string[];
  json?: boolean;
  npz?: string;
  out?: string;
}

/**
 * A folder for a run's arrays inside the asked one. Its files move out when the run is whole; a run that is stopped takes it away,
 * so that nothing half is left.
 */
class ArrayFolder {
  readonly path: string;
  /** The folder is here for these arrays alone: it goes with them. */
  private readonly made: boolean;

  constructor(private readonly target: string) {
    this.made = !existsSync(target);
    try {
      makeFolders(target);
      this.path = mkdtempSync(join(target, `.residue-${process.pid}-${randomBytes(3).toString('hex')}-`));
    } catch (error) {
      throw writeFailure(target, error);
    }
  }

  /** Puts the files in place; returns their names. */
  keep(subfolder: string | null): string[] {
    const place = subfolder === null ? this.target : join(this.target, subfolder);
    const names = readdirSync(this.path).filter((name) => name.endsWith('.npz'));
    try {
      makeFolders(place);
      for (const name of names) renameSync(join(this.path, name), join(place, name));
    } catch (error) {
      throw writeFailure(place, error);
    }
    this.discard();
    return names.map((name) => join(place, name));
  }

  discard(): void {
    rmSync(this.path, { recursive: true, force: true });
    if (this.made && existsSync(this.target) && readdirSync(this.target).length === 0) rmdirSync(this.target);
  }
}

/** Runs `work` with a folder for arrays, when one is wanted. */
async function withArrays(
  session: Session,
  target: string | undefined,
  subfolder: string | null,
  work: (npz: string | undefined) => Promise<Residue>,
): Promise<Residue> {
  if (target === undefined) return work(undefined);
  const folder = new ArrayFolder(target);
  session.onEnd(() => folder.discard());
  try {
    const residue = await work(folder.path);
    if (residue.status !== 'complete') throw new CancelledError();
    for (const file of folder.keep(subfolder)) session.terminal.err(`wrote ${file}`);
    return residue;
  } finally {
    folder.discard();
  }
}

/** A run that was stopped leaves no result. */
function completed(residue: Residue): Residue {
  if (residue.status !== 'complete') throw new CancelledError();
  return residue;
}

/**
 * Has the engine open the first shell's model while the files are checked, where that is one of the catalogue's; what is wrong with it is told
 * by the run. Of another, or where the guess is wrong, only the process starts.
 */
function beginOpening({ engine, signal }: Session, [first]: readonly string[], options: RunCommandOptions): void {
  const model = options.model ?? (first === undefined ? null : modelNamedIn(first));
  const asked =
    model !== null && /^[\w@-]+$/.test(model) ? engine.open({ model, settings: settingsOf(options) }, { signal }) : engine.info({ signal });
  asked.catch(() => undefined);
}

/** The model that a shell's text seems to name, unless it cannot be read; the format's reader decides what it does name. */
function modelNamedIn(file: string): string | null {
  try {
    return /^model:[ \t]*(["']?)([\w@-]+)\1[ \t]*(?:#.*)?\r?$/m.exec(readShell(file))?.[2] ?? DEFAULT_MODEL;
  } catch {
    return null;
  }
}

/** `residue run FILES…`. Returns the exit code: 0 all expectations hold, 1 some fail, 2 bad input or an error. */
export function runCommand(args: readonly string[], options: RunCommandOptions): Promise<number> {
  return inSession(options.color, async (session) => {
    const { terminal } = session;
    const files = expandFiles(args);
    beginOpening(session, files, options);
    const checked = files.map((file) => diagnose(file));
    // Every file is checked before a model is opened: what is wrong with the last one is not told after minutes of work.
    for (const { lines } of checked) for (const line of lines) terminal.err(line);
    const broken = checked.some((c) => c.text === null);
    const entries: JUnitEntry[] = [];
    const scan: SarifEntry[] = [];
    const residues: Residue[] = [];
    const names = outputNames(files);
    const fileOf = (folder: string, i: number): string => join(folder, `${names[i]}.residue.json`);
    const { out, junit, sarif } = options;
    for (const place of [...(out === undefined ? [] : files.map((_, i) => fileOf(out, i))), junit, sarif])
      if (place !== undefined) refuseUnwritable(place);
    let failed = broken;
    for (const [i, file] of files.entries()) {
      const { text, shell, lines, findings } = checked[i]!;
      const start = performance.now();
      const seconds = () => (performance.now() - start) / 1000;
      const found: SarifEntry = { file, findings };
      if (text === null) entries.push({ file, error: lines.join('\n'), seconds: 0 });
      if (text === null || !broken) scan.push(found);
      if (text === null || shell === null || broken) continue;
      try {
        const commands = options.commands && chosenCommands(shell, options.commands);
        const vary = options.vary && chosenDoses(shell, options.vary);
        const label = files.length > 1 ? basename(file) : '';
        const residue = await withArrays(session, options.npz, files.length > 1 ? (names[i] ?? null) : null, async (npz) =>
          completed(
            await session.engine.runShell(
              {
                text,
                file,
                model: options.model,
                defaultModel: DEFAULT_MODEL,
                settings: settingsOf(options),
                seed: options.seed,
                verify: options.verify,
                ...(commands ? { commands } : {}),
                ...(vary ? { vary } : {}),
                npz,
              },
              { signal: session.signal, onProgress: (event) => terminal.progress.update(event, label) },
            ),
          ),
        );
        terminal.progress.clear();
        if (out !== undefined) {
          const path = fileOf(out, i);
          writeResidue(path, residue);
          terminal.err(`wrote ${path}`);
        }
        if (!options.json) await terminal.out((residues.length ? '\n' : '') + formatReport(residue, terminal));
        for (const line of unmetLines(file, text, residue)) terminal.err(line);
        residues.push(residue);
        const { places, unjudged } = matched(shell, { text, file }, residue);
        entries.push({ file, residue, unjudged, seconds: seconds() });
        Object.assign(found, { residue, places });
      } catch (error) {
        if (session.signal.aborted) throw new CancelledError();
        const line = sentenceOf(inFile(error, file));
        terminal.err(line);
        entries.push({ file, error: line, seconds: seconds() });
        const { message, place = {} } = error instanceof InputError ? error : { message: line };
        found.error = { message, ...place };
        failed = true;
      }
    }
    if (junit !== undefined) {
      writeFileAtomic(junit, formatJUnit(entries));
      terminal.err(`wrote ${junit}`);
    }
    if (sarif !== undefined) {
      writeFileAtomic(sarif, formatSarif(scan, { version: packageVersion() }));
      terminal.err(`wrote ${sarif}`);
    }
    const [only] = residues;
    if (options.json && only) await terminal.out(serializeResidue(files.length > 1 ? residues : only));
    if (failed) return EXIT.badInput;
    return residues.every((r) => r.expectations.every((e) => e.passed)) ? EXIT.ok : EXIT.expectationsFailed;
  });
}

/** Range in the file of each of a residue's expectations, and those of the shell's that it has not judged. */
function matched(
  { expect }: Shell,
  source: { text: string; file: string },
  { expectations }: Residue,
): { places: (Place | undefined)[]; unjudged: Unjudged[] } {
  const whole = ({ start, end }: Range): Range => ({ start, end: start + source.text.slice(start, end).trimEnd().length });
  const left = expect.map(({ path, want, range }) => ({ path, want: wantWords(want), place: placeOf(source, whole(range)) }));
  const places = expectations.map(({ path, line }) => {
    const at = left.findIndex((one) => one.path === path && one.place.line === line);
    return at < 0 ? undefined : left.splice(at, 1)[0]?.place;
  });
  return { places, unjudged: left };
}

/** `file:line:column: sentence` of each expectation that does not hold, as `check` tells of a mistake: editors find their way by it. */
function unmetLines(file: string, text: string, { expectations }: Residue): string[] {
  const lines = text.split('\n');
  return expectations
    .filter(({ passed }) => !passed)
    .map(({ line, message }) => printable(`${file}:${line}:${(lines[line - 1] ?? '').search(/\S|$/) + 1}: ${message}`));
}

/** An error about a shell that does not say which one. */
function inFile(error: unknown, file: string): unknown {
  return error instanceof InputError && error.place.file === undefined ? new InputError(error.message, { ...error.place, file }) : error;
}

/** `residue probe TEXT`. Returns the exit code. */
export function probeCommand(text: string, options: ProbeCommandOptions): Promise<number> {
  return inSession(options.color, async (session) => {
    const { terminal } = session;
    if (text === '') throw new InputError('The text to probe is empty; give what the model is to read.');
    const path = options.out === undefined ? null : join(options.out, 'probe.residue.json');
    if (path !== null) refuseUnwritable(path);
    const residue = await withArrays(session, options.npz, null, async (npz) =>
      completed(
        await session.engine
          .probe(
            {
              text,
              answer: options.answer,
              rivals: options.rivals,
              model: options.model,
              defaultModel: DEFAULT_MODEL,
              settings: settingsOf(options),
              seed: options.seed,
              npz,
            },
            { signal: session.signal, onProgress: (event) => terminal.progress.update(event) },
          )
          .catch((error: unknown) => {
            throw withoutPlace(error);
          }),
      ),
    );
    terminal.progress.clear();
    if (path !== null) {
      writeResidue(path, residue);
      terminal.err(`wrote ${path}`);
    }
    await terminal.out(options.json ? serializeResidue(residue) : formatReport(residue, terminal));
    return EXIT.ok;
  });
}
