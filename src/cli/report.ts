import { basename } from 'node:path';
import { CancelledError, InputError } from '../errors.js';
import { DEFAULT_MODEL } from '../model/catalog.js';
import { formatMarkdown } from '../residue/markdown.js';
import { readResidue } from '../residue/read.js';
import { formatReport } from '../residue/report.js';
import type { Residue } from '../residue/types.js';
import { writeFileAtomic } from '../residue/write.js';
import { diagnose } from './check.js';
import { EXIT, inSession, settingsOf, type ModelOptions, type Session } from './session.js';

export interface ReportCommandOptions extends ModelOptions {
  html?: string;
  /** A file, or true for stdout. */
  markdown?: string | true;
}

/**
 * `residue report RESIDUE | SHELL`: a residue as one HTML file, as Markdown, or as the report that `run` prints; a shell is run first.
 * Returns the exit code.
 */
export function reportCommand(subject: string, options: ReportCommandOptions): Promise<number> {
  return inSession(options.color, async (session) => {
    const { terminal } = session;
    const residue = await residueOf(session, subject, options);
    terminal.progress.clear();
    const { html, markdown } = options;
    const write = (file: string, text: string): void => {
      writeFileAtomic(file, text);
      terminal.err(`wrote ${file}`);
    };
    if (html !== undefined) write(html, await htmlOf(residue));
    if (typeof markdown === 'string') write(markdown, formatMarkdown(residue));
    if (markdown === true) await terminal.out(formatMarkdown(residue));
    if (html === undefined && markdown === undefined) await terminal.out(formatReport(residue, terminal));
    return EXIT.ok;
  });
}

async function htmlOf(residue: Residue): Promise<string> {
  const [{ reportHtml }, { reportAssets }] = await Promise.all([import('../residue/html.js'), import('../residue/report-assets.js')]);
  return reportHtml(residue, reportAssets());
}

async function residueOf({ engine, signal, terminal }: Session, file: string, options: ReportCommandOptions): Promise<Residue> {
  if (file === '') throw new InputError('The name of the file is empty; give a *.residue.json or a shell.');
  if (!/\.ya?ml$/i.test(file)) return readResidue(file);
  const { text, lines } = diagnose(file);
  if (text === null) throw new InputError(lines[0] ?? 'The shell has an error.');
  const residue = await engine.runShell(
    { text, file, model: options.model, defaultModel: DEFAULT_MODEL, settings: settingsOf(options), seed: options.seed },
    { signal, onProgress: (event) => terminal.progress.update(event, basename(file)) },
  );
  if (residue.status !== 'complete') throw new CancelledError();
  return residue;
}
