import { InputError } from '../errors.js';
import { show } from './json.js';

/** What names a model on the Hub: `OWNER/NAME`, with `@REVISION` for a branch, tag or commit and `:FILE` for one GGUF of several. */
export interface HubReference {
  repo: string;
  /** `main` where none is given. */
  revision: string;
  /** Name of a GGUF file; null: the repository's own layout. */
  file: string | null;
}

export const MAIN = 'main';

const PART = /^[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9_])?$/;
const FILE = /^[A-Za-z0-9_][\w.+-]{0,200}$/;

/** Owner and name of a repository as the Hub allows them (names of its first models have no owner). */
export function isRepoId(text: string): boolean {
  const parts = text.split('/');
  return parts.length <= 2 && parts.every((part) => PART.test(part) && !/--|\.\./.test(part)) && !/\.git$/.test(text);
}

/** A branch, tag or commit as git allows it, and as it may stand in a URL and a folder's name. */
export function isRevision(text: string): boolean {
  return /^[\w][\w./-]{0,200}$/.test(text) && !/\.\.|\/\/|\/$|\.$|\/\.|\.lock$/.test(text);
}

/** A plain file name: no folder, nothing hidden, nothing that leads elsewhere. */
export function isPlainFile(text: string): boolean {
  return FILE.test(text) && !text.includes('..');
}

/**
 * Reads `OWNER/NAME[@REVISION][:FILE]`, or the address of a model's page. Throws InputError, in one sentence, for what is no
 * model of the Hub.
 */
export function parseReference(given: string): HubReference {
  const text = given.trim();
  const fail = (why: string): InputError => new InputError(`${show(text)} ${why}`);
  const kind = /^(?:https?:\/\/[^/]+\/|hf:\/\/)?(datasets|spaces|buckets|collections|papers)\//.exec(text)?.[1];
  if (kind) throw fail(`names one of the Hub's ${kind}, not a model; a model is written OWNER/NAME.`);
  if (/^[a-z]+:\/\/[^/]*@/i.test(text)) throw fail('has a user name or password in it; write the model as OWNER/NAME.');
  const match = /^([^@:]+)(?:@([^:]*))?(?::(.*))?$/.exec(withoutAddress(text));
  const [, repo = '', revision = MAIN, file = null] = match ?? [];
  if (!match || !isRepoId(repo)) throw fail('is no repository of the Hub: write OWNER/NAME, such as HuggingFaceTB/SmolLM2-135M.');
  if (!isRevision(revision))
    throw fail(`has the revision ${show(revision)}, which is no branch, tag or commit: write OWNER/NAME@REVISION.`);
  if (file !== null && !(isPlainFile(file) && /\.gguf$/i.test(file)))
    throw fail(`names the file ${show(file)}; what may be chosen is one .gguf file of the repository: write OWNER/NAME:FILE.gguf.`);
  return { repo, revision, file };
}

/** `owner/name@revision:file` of an address such as `https://huggingface.co/owner/name/tree/revision`. */
function withoutAddress(text: string): string {
  const path = /^(?:https?:\/\/[^/]+\/|hf:\/\/|hf\.co\/|huggingface\.co\/)(?:models\/)?(.*?)\/*(?:[?#].*)?$/.exec(text)?.[1];
  if (path === undefined) return text;
  const [, repo, , rest] = /^([^/]+\/[^/]+)\/(tree|blob|resolve|raw)\/(.+)$/.exec(path) ?? [];
  if (repo === undefined || rest === undefined) return path;
  const [revision = MAIN, file] = rest.split('/');
  return `${repo}@${revision}${file !== undefined && /\.gguf$/i.test(file) ? `:${file}` : ''}`;
}

/** The id by which shells name the model: the reference with its parts left out where they say nothing. */
export function referenceId({ repo, revision, file }: HubReference): string {
  return `${repo}${revision === MAIN ? '' : `@${revision}`}${file === null ? '' : `:${file}`}`;
}
