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
import type { RunFailure } from '../runs.js';
import type { Explorer } from '../tests.js';
import { mayRun, restrictedMessage } from '../trust.js';
import type { ShellItems } from './items.js';
import { outcomeOf, shellOutcome, type Outcome } from './outcomes.js';

/** The items of one shell that a request is about. */
interface Batch {
  shell: Uri;
  items: TestItem[];
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
  const take = async (item: TestItem): Promise<void> => {
    const meaning = all.meaning(item);
    if (!meaning || exclude?.includes(item) || (only && meaning.shell.toString() !== only.toString())) return;
    if (!meaning.node) await all.resolve(item);
    const key = meaning.shell.toString();
    const batch = batches.get(key) ?? { shell: meaning.shell, items: [] };
    batches.set(key, batch);
    if (!batch.items.includes(item)) batch.items.push(item);
    for (const [, child] of item.children) await take(child);
  };
  for (const item of include ?? [...controller.items].map(([, one]) => one)) await take(item);
  return [...batches.values()];
}

async function runBatch(
  explorer: Explorer,
  all: ShellItems,
  run: TestRun,
  { shell, items }: Batch,
  signal: AbortSignal,
  fresh: boolean,
): Promise<void> {
  const { runs } = explorer;
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
  const residue = await runs.run(document, askOf(all, items), { quiet: true, fresh, signal });
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
  if (residue) all.told(shell, residue.created);
  let told = 0;
  let whole: TestItem | undefined;
  for (const item of items) {
    const node = all.meaning(item)?.node;
    if (!residue || node === undefined) run.skipped(item);
    else if (node === null) whole = item;
    else {
      const outcome = outcomeOf(node, residue);
      if (outcome.state === 'failed') told += 1;
      tell(run, item, shell, outcome);
    }
  }
  if (whole && residue) tell(run, whole, shell, shellOutcome(residue, told), milliseconds);
}

/** The whole shell, unless no more than some of its commands (and what is expected of them) is asked for. */
function askOf(all: ShellItems, items: readonly TestItem[]): RunAsk {
  const commands = items.map((item) => all.meaning(item)?.node?.command ?? null);
  if (commands.includes(null)) return {};
  return { commands: [...new Set(commands as number[])].sort((a, b) => a - b) };
}

function tell(run: TestRun, item: TestItem, shell: Uri, { state, text, failure }: Outcome, milliseconds?: number): void {
  for (const line of text) run.appendOutput(`${item.label}: ${line}\r\n`, undefined, item);
  if (state === 'passed') return run.passed(item, milliseconds);
  if (state === 'skipped') return run.skipped(item);
  if (!failure) return run.failed(item, [], milliseconds);
  const message = TestMessage.diff(failure.message, failure.expected, failure.actual);
  const line = Math.max(0, failure.line - 1);
  message.location = new Location(shell, item.range ?? new Range(line, 0, line, 0));
  run.failed(item, message, milliseconds);
}
