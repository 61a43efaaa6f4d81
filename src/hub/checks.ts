import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DownloadedModel } from '../model/downloaded.js';
import { inspectModel, verifyPath, type Inspection, type Verification, type VerifyOptions } from './inspect.js';
import { writeWhole } from './partial.js';
import { looksWhole } from './shelf.js';

/** How sure it is that a model's files are what they should be. */
export interface Check {
  /**
   * `verified`: SHA-256 is what the Hub listed. `differs`: it is not, or a file is missing. `recorded`: nobody has published sums
   * to compare with, so that those of the day were noted. `changed`: files have changed since. `none`: nobody has looked.
   */
  status: 'verified' | 'differs' | 'recorded' | 'changed' | 'none';
  /** ISO time of the last look at every byte. */
  at: string | null;
  fault: string | null;
}

interface Noted {
  /** Sizes and times of the files when it was noted. */
  stamp: string;
  inspection: Inspection;
  check: Check;
  /** SHA-256 by file, for models with no published sums. */
  sums?: Record<string, string>;
}

const FILE = 'checks.json';

/**
 * What is known of the models on this machine, kept in the models' folder so that a model is not opened anew each time it is
 * listed: a tokenizer of 150,000 tokens takes its time.
 */
export class Checks {
  private notes: Record<string, Noted> | null = null;

  constructor(private readonly root: string) {}

  /** Facts and state of a model; opened only where its files have changed since the last time. */
  async look(path: string, downloaded?: DownloadedModel): Promise<{ inspection: Inspection; check: Check }> {
    const noted = this.read()[path];
    const stamp = stampOf(path);
    if (noted?.stamp === stamp) return { inspection: noted.inspection, check: current(noted.check, downloaded) };
    const inspection = await inspectModel(path, downloaded?.manifest.licence);
    const check = noted && noted.check.status !== 'none' ? { ...noted.check, status: 'changed' as const } : none;
    await this.note(path, { stamp, inspection, check, sums: noted?.sums });
    return { inspection, check: current(check, downloaded) };
  }

  /** Reads every byte of a model. Throws InputError for a model without published sums that does not open. */
  async verify(
    path: string,
    downloaded: DownloadedModel | undefined,
    options: VerifyOptions,
  ): Promise<Check & { sums: Record<string, string> }> {
    const verification = await verifyPath(downloaded?.folder ?? path, options);
    const sums = Object.fromEntries(verification.files.map(({ name, sha256 }) => [name, sha256]));
    const before = this.read()[path]?.sums;
    const check: Check = {
      status: verification.status,
      at: new Date().toISOString(),
      fault: verification.fault ?? changedSince(before, verification),
    };
    const inspection = await inspectModel(path, downloaded?.manifest.licence);
    await this.note(path, { stamp: stampOf(path), inspection, check, sums });
    return { ...check, sums };
  }

  private read(): Record<string, Noted> {
    if (this.notes) return this.notes;
    try {
      const value: unknown = JSON.parse(readFileSync(join(this.root, FILE), 'utf8'));
      const entries = Object.entries((value ?? {}) as Record<string, Noted>);
      this.notes = Object.fromEntries(
        entries.filter(([path, noted]) => typeof noted?.stamp === 'string' && noted.inspection && existsSync(path)),
      );
    } catch {
      this.notes = {};
    }
    return this.notes;
  }

  private async note(path: string, noted: Noted): Promise<void> {
    const notes = this.read();
    notes[path] = noted;
    try {
      await mkdir(this.root, { recursive: true });
      await writeWhole(join(this.root, FILE), JSON.stringify(notes));
    } catch {
      // A folder that cannot be written to: the next window looks anew.
    }
  }
}

const none: Check = { status: 'none', at: null, fault: null };

/** A download was verified when it came; that holds for as long as its files have their sizes. */
function current(check: Check, downloaded?: DownloadedModel): Check {
  if (!downloaded) return check;
  if (!looksWhole(downloaded))
    return { status: 'differs', at: check.at, fault: 'A file is missing or has another size than the one that was downloaded.' };
  return check.status === 'none' ? { status: 'verified', at: downloaded.manifest.downloaded, fault: null } : check;
}

function changedSince(before: Record<string, string> | undefined, { files, status }: Verification): string | null {
  if (status !== 'recorded' || !before) return null;
  const other = files.find(({ name, sha256 }) => before[name] !== undefined && before[name] !== sha256);
  return other ? `${other.name} is not what it was when it was last looked at.` : null;
}

/** Names, sizes and times of the files of a model, cheap to compare. */
function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return 'gone';
  if (!stat.isDirectory()) return `${stat.size}:${stat.mtimeMs}`;
  return readdirSync(path)
    .sort()
    .map((name) => {
      const file = statSync(join(path, name), { throwIfNoEntry: false });
      return `${name}:${file?.size}:${file?.mtimeMs}`;
    })
    .join('|');
}
