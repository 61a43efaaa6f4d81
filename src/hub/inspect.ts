import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { sha256File } from '../model/hash.js';
import { loadModel } from '../model/load.js';
import { findWeights } from '../model/source.js';
import { readGguf } from '../model/gguf.js';
import { shorten } from '../model/json.js';
import { readDownloaded, type DownloadedModel } from '../model/downloaded.js';

/** What can be told of a model on disk without running it. */
export interface Facts {
  family: string;
  layers: number;
  parameters: number;
  dtype: string;
  context: number;
  vocabulary: number;
  notes: string[];
}

export interface Inspection {
  /** Null where the model does not open. */
  facts: Facts | null;
  /** The one sentence why it does not open; null: it does. */
  fault: string | null;
  /** Bytes of all its files. */
  bytes: number;
  licence: string | null;
}

/**
 * Opens a model as a run would, but for onnxruntime: weights, configuration and tokenizer are found, read and checked, and closed
 * again. Never throws for a model that is damaged: that is what it tells.
 */
export async function inspectModel(path: string, licence: string | null = null): Promise<Inspection> {
  const found = licence ?? licenceOf(path);
  try {
    const model = await loadModel(path);
    try {
      const { spec, weights, dtype, files, notes } = model;
      return {
        facts: {
          family: spec.family,
          layers: spec.nLayers,
          parameters: weights.parameters,
          dtype,
          context: spec.context,
          vocabulary: spec.vocabSize,
          notes,
        },
        fault: null,
        bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
        licence: found,
      };
    } finally {
      model.close();
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { facts: null, fault: error.message, bytes: weightBytes(path), licence: found };
  }
}

function weightBytes(path: string): number {
  const size = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  try {
    const source = findWeights(path);
    return source.kind === 'sharded' ? size(source.index) : size(source.file);
  } catch {
    return 0;
  }
}

const CARD = 64 * 1024;

/** The licence that a model's own files give: `license:` at the head of its README.md, or `general.license` of a GGUF. */
export function licenceOf(path: string): string | null {
  try {
    if (/\.gguf$/i.test(path)) {
      const named = readGguf(path).metadata.get('general.license');
      return typeof named === 'string' && named !== '' ? shorten(named, 80) : null;
    }
    const card = join(path, 'README.md');
    if (!existsSync(card)) return null;
    const text = head(card);
    const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1];
    const named = /^license:[ \t]*["']?([\w.+-]+)/m.exec(front ?? '')?.[1];
    // The bundled models' cards are prose that ends with the licence.
    return named ?? /\b(MIT|Apache-2\.0)\.\r?\n/.exec(text)?.[1]?.toLowerCase() ?? null;
  } catch {
    return null;
  }
}

function head(file: string): string {
  const handle = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(CARD);
    return bytes.toString('utf8', 0, readSync(handle, bytes, 0, CARD, 0));
  } finally {
    closeSync(handle);
  }
}

/** One file held against the SHA-256 that was noted when it was downloaded; `expected` null: nothing to hold it against. */
export interface FileCheck {
  name: string;
  bytes: number;
  sha256: string;
  expected: string | null;
}

export interface Verification {
  files: FileCheck[];
  /** `verified`: all as downloaded. `differs`: `fault` says which does not. `recorded`: no sums to compare with; here they are. */
  status: 'verified' | 'differs' | 'recorded';
  fault: string | null;
}

export interface VerifyOptions {
  signal?: AbortSignal;
  onProgress?: (event: { stage: string; done: number; total: number }) => void;
}

/** Reads every byte of a downloaded model and compares SHA-256 with what the Hub listed (noted in its manifest). */
export async function verifyDownloaded(model: DownloadedModel, options: VerifyOptions = {}): Promise<Verification> {
  const files = model.manifest.files.map(({ name, bytes, sha256 }) => ({ name, path: join(model.folder, name), bytes, expected: sha256 }));
  return verifyFiles(files, options);
}

/** The SHA-256 of every file that a model is read from. */
export async function verifyPath(path: string, options: VerifyOptions = {}): Promise<Verification> {
  const downloaded = readDownloaded(path);
  if (downloaded) return verifyDownloaded(downloaded, options);
  const model = await loadModel(path);
  model.close();
  return verifyFiles(
    model.files.map(({ path: file, bytes }) => ({ name: file.split(/[\\/]/).at(-1)!, path: file, bytes, expected: null })),
    options,
  );
}

async function verifyFiles(
  files: readonly { name: string; path: string; bytes: number; expected: string | null }[],
  { signal, onProgress }: VerifyOptions,
): Promise<Verification> {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const checks: FileCheck[] = [];
  let fault: string | null = null;
  for (const { name, path, bytes, expected } of files) {
    onProgress?.({ stage: `SHA-256 of ${name}`, done, total });
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined || (expected !== null && size !== bytes)) {
      fault ??= size === undefined ? `${name} is missing.` : `${name} has ${size} bytes, but had ${bytes} when it was downloaded.`;
      continue;
    }
    const sha256 = await sha256File(path, signal);
    checks.push({ name, bytes: size, sha256, expected });
    if (expected !== null && sha256 !== expected)
      fault ??= `${name} has the SHA-256 ${sha256}, but the downloaded file had ${expected}: it was changed or is damaged.`;
    done += bytes;
  }
  onProgress?.({ stage: 'SHA-256', done: total, total });
  const known = files.some(({ expected }) => expected !== null);
  return { files: checks, status: fault ? 'differs' : known ? 'verified' : 'recorded', fault };
}
