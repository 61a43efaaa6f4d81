import {
  Location,
  Position,
  Range,
  TestMessage,
  workspace,
  type CancellationToken,
  type TestItem,
  type TestRun,
  type TestRunRequest,
  type Uri,
} from 'vscode';
import type { RunAsk } from '../engine.js';
import { openShell } from '../navigate.js';
import { residues } from '../residues/thread.js';
import type { RunFailure } from '../runs.js';
import type { Explorer } from '../tests.js';
import { mayRun, restrictedMessage } from '../trust.js';
import type { ShellItems } from './items.js';
import type { Outcome } from './outcomes.js';

/** The items of one shell that a request is about. */
interface Batch {
  shell: Uri;
  items: TestItem[];
  /** What a shell expects was asked for by itself: it is about the headline over all values of `vary`. */
  whole: boolean;
}

/** Runs what a request names, one shell after the other; a continuous one again whenever one of its shells is saved. */
export async function runTests(explorer: Explorer, request: TestRunRequest, token: CancellationToken, fresh: boolean): Promise<void> {
  const all = await explorer.items();
  if (!request.continuous) return runOnce(explorer, all, request, token, fresh);
  const wanted = (uri: Uri): boolean =>
    (request.include?.some(({ uri: included }) => included?.toString() === uri.toString()) ?? true) &&
    !request.exclude?.some((item) => all.meaning(item)?.node === null && item.uri?.toString() === uri.toString());
  const listener = workspace.onDidSaveTextDocument(async ({ uri }) => {
    if (!explorer.controller.items.get(uri.toString()) || !wanted(uri)) return;
    await all.update(uri);
    await runOnce(explorer, all, request, token, fresh, uri);
  });
  token.onCancellationRequested(() => listener.dispose());
}

/** @param only The one shell of the request that is run; undefined: all of them. */
async function runOnce(
  explorer: Explorer,
  all: ShellItems,
  request: TestRunRequest,
  token: CancellationToken,
  fresh: boolean,
  only?: Uri,
): Promise<void> {
  const run = explorer.controller.createTestRun(request);
  try {
    if (!mayRun()) {
      for (const item of request.include ?? [...explorer.controller.items].map(([, one]) => one)) run.skipped(item);
      run.appendOutput(`${restrictedMessage}\r\n`);
      return;
    }
    const batches = await batchesOf(explorer, all, request, only);
    for (const { items } of batches) items.forEach((item) => run.enqueued(item));
    const controller = new AbortController();
    const listeners = [token, run.token].map((one) => one.onCancellationRequested(() => controller.abort()));
    for (const batch of batches) {
      if (controller.signal.aborted || token.isCancellationRequested) batch.items.forEach((item) => run.skipped(item));
      else await runBatch(explorer, all, run, batch, controller.signal, fresh);
    }
    listeners.forEach((listener) => listener.dispose());
  } finally {
    run.end();
  }
}

/** What is asked for, by shell: everything at or below what is included, without what is excluded. */
async function batchesOf({ controller }: Explorer, all: ShellItems, { include, exclude }: TestRunRequest, only?: Uri): Promise<Batch[]> {
  const batches = new Map<string, Batch>();
  const take = async (item: TestItem, asked: boolean): Promise<void> => {
    const meaning = all.meaning(item);
    if (!meaning || exclude?.includes(item) || (only && meaning.shell.toString() !== only.toString())) return;
    if (!meaning.node) await all.resolve(item);
    const key = meaning.shell.toString();
    const batch = batches.get(key) ?? { shell: meaning.shell, items: [], whole: false };
    batches.set(key, batch);
    if (!batch.items.includes(item)) batch.items.push(item);
    if (asked && meaning.node?.kind === 'expectation') batch.whole = true;
    for (const [, child] of item.children) await take(child, false);
  };
  for (const item of include ?? [...controller.items].map(([, one]) => one)) await take(item, true);
  return [...batches.values()];
}

async function runBatch(
  explorer: Explorer,
  all: ShellItems,
  run: TestRun,
  batch: Batch,
  signal: AbortSignal,
  fresh: boolean,
): Promise<void> {
  const { runs, results } = explorer;
  const { shell, items } = batch;
  const document = await openShell(shell);
  items.forEach((item) => run.started(item));
  if (!document) return items.forEach((item) => run.errored(item, new TestMessage('The file is no longer there.')));
  let failure: RunFailure | undefined;
  let cached: string | undefined;
  const began = performance.now();
  const listener = runs.onDidChange((event) => {
    if (event.uri.toString() !== shell.toString()) return;
    if (event.type === 'failed') failure = event.failure;
    if (event.type === 'cached') cached = event.at;
  });
  // A run of the whole shell that is kept and still holds answers for each part of it.
  const known = !fresh && (await results.keeps(shell, document.getText()));
  const left = await runs.run(document, known ? {} : askOf(all, batch), { quiet: true, fresh, signal });
  listener.dispose();
  const milliseconds = performance.now() - began;
  if (failure) {
    const message = new TestMessage(failure.message);
    const { line, column, file } = failure.place ?? {};
    if (line !== undefined && (file === undefined || file === shell.fsPath))
      message.location = new Location(shell, new Position(line - 1, (column ?? 1) - 1));
    const [first, ...others] = items;
    if (first) run.errored(first, message, milliseconds);
    others.forEach((item) => run.skipped(item));
    return;
  }
  if (cached !== undefined) run.appendOutput(`Cached, run at ${cached}: nothing has changed since.\r\n`);
  if (!left) return items.forEach((item) => run.skipped(item));
  all.told(shell, left.at);
  const below = items.flatMap((item) => {
    const node = all.meaning(item)?.node;
    return node ? [{ item, node }] : [];
  });
  const outcomes = await residues.ask('outcomes', { json: left.json, nodes: below.map(({ node }) => ({ ...node, children: [] })) });
  below.forEach(({ item }, i) => tell(run, item, shell, outcomes.nodes[i]!));
  for (const item of items) if (all.meaning(item)?.node === null) tell(run, item, shell, outcomes.shell, milliseconds);
}

/**
 * The whole shell, unless no more is asked for than some of its values of `vary`, or of its commands (and what is expected of them): these
 * are then run alone.
 */
function askOf(all: ShellItems, { items, whole }: Batch): RunAsk {
  const nodes = items.map((item) => all.meaning(item)?.node ?? null);
  const commands = nodes.map((node) => node?.command ?? null);
  const doses = nodes.map((node) => node?.vary ?? null).filter((vary) => vary === null || Object.keys(vary).length > 0);
  const vary = whole || doses.length === 0 || doses.includes(null) ? undefined : unique(doses as Record<string, string>[]);
  return {
    ...(commands.includes(null) ? {} : { commands: [...new Set(commands as number[])].sort((a, b) => a - b) }),
    ...(vary ? { vary } : {}),
  };
}

const unique = <T>(values: readonly T[]): T[] => [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];

/** `walk = 2 › INHIBIT`: the output has the commands of every value of `vary`. The shell itself goes by its own name. */
function pathOf({ label, parent }: TestItem): string {
  return parent?.parent ? `${pathOf(parent)} › ${label}` : label;
}

function tell(run: TestRun, item: TestItem, shell: Uri, { state, text, failure }: Outcome, milliseconds?: number): void {
  for (const line of text) run.appendOutput(`${pathOf(item)}: ${line}\r\n`, undefined, item);
  if (state === 'passed') return run.passed(item, milliseconds);
  if (state === 'skipped') return run.skipped(item);
  if (!failure) return run.failed(item, [], milliseconds);
  const message = TestMessage.diff(failure.message, failure.expected, failure.actual);
  const line = Math.max(0, failure.line - 1);
  message.location = new Location(shell, item.range ?? new Range(line, 0, line, 0));
  run.failed(item, message, milliseconds);
}
