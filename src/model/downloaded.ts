import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import { isPlainFile, isRepoId, isRevision, referenceId } from './reference.js';

/** What a folder of a downloaded model holds beside the model: written last, so that a folder without it is no model. */
export const MANIFEST = 'residue-model.json';

/** Downloads under way, under the models' folder. */
export const PARTIAL = '.partial';

/** Folders and files elsewhere that were added by hand. */
export const ADDED = 'added.json';

export interface DownloadedFile {
  name: string;
  bytes: number;
  /** Of the bytes that were downloaded and held against what the Hub lists. */
  sha256: string;
}

/** Where a downloaded model came from. */
export interface Manifest {
  version: 1;
  repo: string;
  /** Branch, tag or commit that was asked for. */
  revision: string;
  /** The commit that it stood for. */
  commit: string;
  endpoint: string;
  /** As the repository's card gives it. */
  licence: string | null;
  /** The GGUF file that was chosen; null for a folder. */
  file: string | null;
  /** ISO time. */
  downloaded: string;
  files: DownloadedFile[];
}

export interface DownloadedModel {
  /** What shells call it: `HuggingFaceTB/SmolLM2-135M`, `EleutherAI/pythia-70m@step512`. */
  id: string;
  folder: string;
  /** What is opened: the folder, or the GGUF file in it. */
  path: string;
  manifest: Manifest;
}

export interface AddedModel {
  id: string;
  path: string;
}

/**
 * The folder that downloaded models lie in: `RESIDUE_MODELS`, or the user's own data folder. The editor, the command line and the
 * engine look into the same one.
 */
export function modelsFolder(env: NodeJS.ProcessEnv = process.env): string {
  const { RESIDUE_MODELS, XDG_DATA_HOME, LOCALAPPDATA } = env;
  if (RESIDUE_MODELS && isAbsolute(RESIDUE_MODELS)) return RESIDUE_MODELS;
  const base =
    process.platform === 'win32'
      ? LOCALAPPDATA || join(homedir(), 'AppData', 'Local')
      : process.platform === 'darwin'
        ? join(homedir(), 'Library', 'Application Support')
        : XDG_DATA_HOME && isAbsolute(XDG_DATA_HOME)
          ? XDG_DATA_HOME
          : join(homedir(), '.local', 'share');
  return join(base, 'symbolic-residue', 'models');
}

/** Name of a model's folder: its id, with what a file system may not take written as %XX. `models--` keeps clear of reserved names. */
export function folderName(id: string): string {
  const safe = id.toLowerCase().replaceAll('/', '--');
  return `models--${safe.replace(/[^a-z0-9@._-]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)}`;
}

/** Downloaded models, by id. Folders without a manifest, or with one that is damaged, are none. */
export function downloadedModels(root = modelsFolder()): DownloadedModel[] {
  return listed(root)
    .filter((name) => name.startsWith('models--'))
    .flatMap((name) => readDownloaded(join(root, name)) ?? [])
    .sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
}

/** The model in a folder that a download has finished; null where there is none. */
export function readDownloaded(folder: string): DownloadedModel | null {
  const manifest = readManifest(join(folder, MANIFEST));
  if (!manifest) return null;
  const id = referenceId(manifest);
  return { id, folder, path: manifest.file === null ? folder : join(folder, manifest.file), manifest };
}

/** Models that the user added by path. */
export function addedModels(root = modelsFolder()): AddedModel[] {
  const list = readJson(join(root, ADDED));
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    const { id, path } = (entry ?? {}) as Partial<AddedModel>;
    return typeof id === 'string' && typeof path === 'string' && id !== '' && isAbsolute(path) ? [{ id, path }] : [];
  });
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readJson(file: string): unknown {
  try {
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  } catch {
    return undefined;
  }
}

function readManifest(file: string): Manifest | null {
  const value = readJson(file) as Partial<Manifest> | null | undefined;
  if (!value || value.version !== 1) return null;
  const { repo, revision, commit, endpoint, downloaded, licence = null, file: chosen = null, files } = value;
  const texts = [repo, revision, commit, endpoint, downloaded];
  if (!texts.every((text) => typeof text === 'string') || !isRepoId(repo!) || !isRevision(revision!)) return null;
  if (chosen !== null && !(typeof chosen === 'string' && isPlainFile(chosen))) return null;
  if (!Array.isArray(files) || !files.every(isDownloadedFile)) return null;
  return {
    version: 1,
    repo: repo!,
    revision: revision!,
    commit: commit!,
    endpoint: endpoint!,
    licence: typeof licence === 'string' ? licence : null,
    file: chosen,
    downloaded: downloaded!,
    files,
  };
}

function isDownloadedFile(value: unknown): value is DownloadedFile {
  const { name, bytes, sha256 } = (value ?? {}) as Partial<DownloadedFile>;
  return (
    typeof name === 'string' &&
    name === basename(name) &&
    isPlainFile(name) &&
    Number.isSafeInteger(bytes) &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256)
  );
}
