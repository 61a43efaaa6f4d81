import { ProgressLocation, QuickPickItemKind, window, type QuickPickItem, type SecretStorage } from 'vscode';
import { CancelledError } from '../../errors.js';
import type { HubClient } from '../../hub/client.js';
import type { Plan } from '../../hub/plan.js';
import { sizeText } from '../../hub/size.js';
import { KNOWN_MODELS, shortName, type KnownModel } from '../../model/known.js';
import { MAIN, parseReference, type HubReference } from '../../model/reference.js';
import { hostOf, netOptions } from './net-settings.js';

interface Choice extends QuickPickItem {
  known?: KnownModel;
  typed?: HubReference;
}

/** Asks which model of the Hub: one of the catalogue (and which checkpoint), or any repository that is typed. */
export async function askReference(here: ReadonlySet<string>): Promise<HubReference | undefined> {
  const catalogue: Choice[] = KNOWN_MODELS.map((known) => ({
    label: shortName(known.repo),
    description: `${known.family} · ${known.parameters} parameters · ${known.licence}${here.has(known.repo) ? ' · on this machine' : ''}`,
    detail: `${known.repo}${known.checkpoints ? ` · ${known.checkpoints.revisions.length} checkpoints` : ''}${known.chat ? ' · chat' : ''}`,
    known,
  }));
  const head: Choice = { label: 'Known to run', kind: QuickPickItemKind.Separator };
  const choice = await new Promise<Choice | undefined>((resolve) => {
    const pick = window.createQuickPick<Choice>();
    pick.title = 'Download a model from the Hugging Face Hub';
    pick.placeholder = 'Choose, or type OWNER/NAME, OWNER/NAME@REVISION or the address of a model';
    pick.matchOnDescription = true;
    pick.matchOnDetail = true;
    pick.items = [head, ...catalogue];
    pick.onDidChangeValue((value) => {
      const typed = typedChoice(value);
      pick.items = typed ? [typed, head, ...catalogue] : [head, ...catalogue];
    });
    pick.onDidAccept(() => {
      resolve(pick.selectedItems[0]);
      pick.hide();
    });
    pick.onDidHide(() => {
      resolve(undefined);
      pick.dispose();
    });
    pick.show();
  });
  if (choice?.typed) return choice.typed;
  if (!choice?.known) return undefined;
  const { repo, checkpoints } = choice.known;
  const revision = checkpoints ? await askCheckpoint(repo, checkpoints.revisions) : MAIN;
  return revision === undefined ? undefined : { repo, revision, file: null };
}

/** What is typed as a choice of its own, as soon as it could be a repository. */
function typedChoice(value: string): Choice | undefined {
  if (!value.includes('/')) return undefined;
  try {
    const typed = parseReference(value);
    return { label: `$(cloud-download) ${value.trim()}`, description: 'look it up on the Hub', alwaysShow: true, typed };
  } catch {
    return undefined;
  }
}

async function askCheckpoint(repo: string, revisions: readonly string[]): Promise<string | undefined> {
  const items = [
    { label: MAIN, description: 'the trained model' },
    ...revisions.map((label) => ({ label, description: `after ${Number(label.replace('step', '')).toLocaleString('en')} steps` })),
  ];
  const picked = await window.showQuickPick(items, {
    title: `Which checkpoint of ${repo}?`,
    placeHolder: 'main, or a step of its training',
  });
  return picked?.label;
}

/**
 * Looks a model up on the Hub, asks which of several GGUF files, and says what the download takes before it begins.
 * @returns The plan that was agreed to; undefined when it was not, or the model is here already.
 */
export async function askPlan(
  hub: HubClient,
  secrets: SecretStorage,
  reference: HubReference,
): Promise<{ plan: Plan } | { here: string } | undefined> {
  const net = await netOptions(secrets);
  const host = hostOf(net.endpoint ?? '');
  const answer = await withNotice(`Looking up ${reference.repo} on ${host}`, (signal) => hub.call('plan', { reference, net }, { signal }));
  if (!answer) return undefined;
  if ('choices' in answer) {
    const items = answer.choices.map(({ file, bytes }) => ({ label: file, description: sizeText(bytes) }));
    const picked = await window.showQuickPick(items, {
      title: `Which file of ${reference.repo}?`,
      placeHolder: 'The repository holds several GGUF files.',
    });
    return picked && askPlan(hub, secrets, { ...reference, file: picked.label });
  }
  const { plan, free, here } = answer;
  if (here) return { here: plan.id };
  const detail = [
    `${sizeText(plan.bytes)} in ${plan.files.length} ${plan.files.length === 1 ? 'file' : 'files'} from ${host}; ${sizeText(free)} are free.`,
    `${plan.family}, licence ${plan.licence ?? 'not given'}, commit ${plan.commit.slice(0, 12)}.`,
  ];
  const yes = 'Download';
  const said = await window.showInformationMessage(`Download ${plan.id}?`, { modal: true, detail: detail.join('\n') }, yes);
  return said === yes ? { plan } : undefined;
}

/** Does what takes a while under a notification that can be cancelled; undefined when it was. */
async function withNotice<T>(title: string, work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
  try {
    return await window.withProgress({ location: ProgressLocation.Notification, title, cancellable: true }, (_, token) => {
      const controller = new AbortController();
      token.onCancellationRequested(() => controller.abort());
      return work(controller.signal);
    });
  } catch (error) {
    if (error instanceof CancelledError) return undefined;
    throw error;
  }
}
