import { createInterface } from 'node:readline/promises';
import { CancelledError, InputError } from '../errors.js';
import { cancelDownload, download, resume, unfinished, type DownloadOptions } from '../hub/download.js';
import { inspectModel, verifyPath } from '../hub/inspect.js';
import { HUB, openNet } from '../hub/net.js';
import { Pace, percentOf, progressText } from '../hub/pace.js';
import { partials } from '../hub/partial.js';
import { planDownload } from '../hub/plan.js';
import { addModel, findOwn, removeModel, shelf } from '../hub/shelf.js';
import { sizeText } from '../hub/size.js';
import { downloadedModels, modelsFolder, type DownloadedModel } from '../model/downloaded.js';
import { knownRepo } from '../model/known.js';
import { parseReference, referenceId, type HubReference } from '../model/reference.js';
import { HubUnreachable } from '../hub/faults.js';
import { printable } from '../residue/report/text.js';
import { EXIT, inSession, type Session } from './session.js';

export interface DownloadCommandOptions {
  color: boolean;
  endpoint?: string;
}

/** A reference as typed: names of the catalogue stand for their repositories. */
export function typedReference(text: string): HubReference {
  const [name = '', ...revision] = text.trim().split('@');
  const known = knownRepo(name);
  return parseReference(known ? [known.repo, ...revision].join('@') : text);
}

/** `residue models download`. */
export function downloadCommand(text: string, options: DownloadCommandOptions): Promise<number> {
  return inSession(options.color, async (session) => {
    const { terminal, signal } = session;
    const root = modelsFolder();
    const reference = typedReference(text);
    const net = openNet({ endpoint: options.endpoint ?? (process.env.HF_ENDPOINT || HUB), token: process.env.HF_TOKEN || undefined });
    session.onEnd(() => void net.close());
    const shown = progressOf(session);
    const settings: DownloadOptions = {
      root,
      signal,
      onProgress: shown.update,
      patience: { onWait: (why) => terminal.err(printable(`${why} Trying again …`)) },
    };
    try {
      let model: DownloadedModel;
      const begun = unfinished(root, reference);
      if (begun) {
        terminal.err(`Going on with ${referenceId(reference)} at commit ${begun.commit.slice(0, 12)}.`);
        model = await resume(net, reference, settings);
      } else {
        const plan = await planDownload(net, reference, { signal, patience: settings.patience });
        const here = downloadedModels(root).find(({ id, manifest }) => id === plan.id && manifest.commit === plan.commit);
        if (here) {
          await terminal.out(`${here.id} is already here, as it is on ${net.host} (commit ${plan.commit.slice(0, 12)}): ${here.path}\n`);
          return EXIT.ok;
        }
        const what = [plan.family, plan.licence && `licence ${plan.licence}`].filter(Boolean).join(', ');
        terminal.err(printable(`${plan.id}: ${sizeText(plan.bytes)} in ${plan.files.length} files from ${net.host} (${what}).`));
        model = await download(net, plan, settings);
      }
      return await ready(session, model);
    } catch (error) {
      if (error instanceof CancelledError) terminal.err(shown.paused());
      // What the network does is no fault of the program.
      throw error instanceof HubUnreachable
        ? new InputError(`${error.message}${shown.begun ? ' Run the same command again to go on.' : ''}`)
        : error;
    }
  });
}

async function ready({ terminal }: Session, { id, path, manifest }: DownloadedModel): Promise<number> {
  const { facts, fault, bytes } = await inspectModel(path, manifest.licence);
  if (!facts) throw new InputError(`${id} was downloaded and its SHA-256 is right, but it does not open: ${fault}`, { file: path });
  await terminal.out(
    printable(`${id} is ready: ${facts.family}, ${facts.layers} layers, ${facts.dtype}, ${sizeText(bytes)}, SHA-256 verified.`) +
      `\n${path}\nUse it: residue run SHELL --model ${id}\n`,
  );
  return EXIT.ok;
}

/** Progress as a bar with pace on a terminal, and as a line per file and tenth elsewhere. */
function progressOf({ terminal }: Session): { update: NonNullable<DownloadOptions['onProgress']>; paused: () => string; begun: boolean } {
  const pace = new Pace();
  const bar = process.stderr.isTTY === true;
  let last: { received: number; bytes: number } | undefined;
  return {
    get begun() {
      return last !== undefined;
    },
    update: (progress) => {
      last = progress;
      const { file, received, bytes } = progress;
      const stage = bar
        ? `${file}: ${progressText(progress, pace.rate(received))}`
        : `${file}, ${10 * Math.floor(percentOf(progress) / 10)} %`;
      terminal.progress.update({ stage, done: received, total: bytes });
    },
    paused: () =>
      last
        ? `Paused at ${percentOf(last)} % (${sizeText(last.received)}): run the same command again to go on.`
        : 'Nothing was downloaded.',
  };
}

/** `residue models add`. */
export function addCommand(path: string, options: { color: boolean }): Promise<number> {
  return inSession(options.color, async ({ terminal }) => {
    const { id, path: absolute } = await addModel(path);
    const { facts, fault } = await inspectModel(absolute);
    if (fault !== null) terminal.err(printable(`${id} was added, but does not open: ${fault}`));
    await terminal.out(
      `${id} stands for ${absolute}${facts ? printable(` (${facts.family}, ${facts.layers} layers, ${facts.dtype})`) : ''}.\n`,
    );
    return fault === null ? EXIT.ok : EXIT.badInput;
  });
}

/** `residue models verify`. */
export function verifyCommand(ids: readonly string[], options: { color: boolean }): Promise<number> {
  return inSession(options.color, async ({ terminal, signal }) => {
    const models = ids.length > 0 ? ids.map(anyModel) : shelf().filter(({ origin }) => origin === 'downloaded');
    if (models.length === 0) await terminal.out('No model was downloaded yet.\n');
    let wrong = false;
    for (const { id, path, downloaded } of models) {
      const { status, fault, files } = await verifyPath(downloaded?.folder ?? path, {
        signal,
        onProgress: (event) => terminal.progress.update(event, id),
      });
      wrong ||= status === 'differs';
      const said = {
        verified: 'verified: all files as they were listed',
        differs: `DIFFERS: ${fault}`,
        recorded: 'nothing to compare with',
      }[status];
      const sums = status === 'recorded' ? files.map(({ name, sha256 }) => `  ${sha256}  ${name}\n`).join('') : '';
      await terminal.out(printable(`${id}: ${said}`) + `\n${sums}`);
    }
    return wrong ? EXIT.expectationsFailed : EXIT.ok;
  });
}

function anyModel(id: string): ReturnType<typeof findOwn> {
  return shelf().find((model) => model.id === id) ?? findOwn(id);
}

/** `residue models remove`. */
export function removeCommand(id: string, options: { color: boolean; yes?: boolean }): Promise<number> {
  return inSession(options.color, async ({ terminal, signal }) => {
    const root = modelsFolder();
    const begun = partials(root).find((partial) => partial.id.toLowerCase() === id.toLowerCase());
    const model = begun ? null : findOwn(id, root);
    if (model?.origin === 'added') {
      await removeModel(model, root);
      await terminal.out(`${model.id} is off the list; its files stay at ${model.path}.\n`);
      return EXIT.ok;
    }
    const what = begun ? `the unfinished download of ${begun.id}` : model!.id;
    const place = begun?.folder ?? model!.downloaded!.folder;
    if (!options.yes && !(await confirmed(`Delete ${what} (${place})? [y/N] `, signal)))
      throw new InputError(`${what} was not deleted${process.stdin.isTTY ? '' : ': say --yes where nobody can be asked'}.`);
    if (begun) await cancelDownload(root, begun.state.reference);
    else await removeModel(model!, root);
    await terminal.out(`${what} was deleted.\n`);
    return EXIT.ok;
  });
}

async function confirmed(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await reader.question(question, { signal })).trim());
  } catch {
    throw new CancelledError();
  } finally {
    reader.close();
  }
}
