import { isAbsolute } from 'node:path';
import { window, workspace, type SecretStorage } from 'vscode';
import type { NetOptions } from '../../hub/net.js';

const HUB = 'https://huggingface.co';
const section = 'symbolicResidue';

/** Address of the Hub: the setting, else HF_ENDPOINT, else the Hugging Face Hub. */
export function endpoint(): string {
  const set = workspace.getConfiguration(section).get<unknown>('hub.endpoint');
  return (typeof set === 'string' && set.trim()) || process.env.HF_ENDPOINT || HUB;
}

/** Host of an endpoint, for messages; the text itself where it is no address (the request will say so). */
export function hostOf(address: string): string {
  try {
    return new URL(address).host;
  } catch {
    return 'the endpoint';
  }
}

/** One token per endpoint: that of one Hub is never sent to another. */
function keyOf(address: string): string {
  try {
    return `hub.token ${new URL(address).origin}`;
  } catch {
    return 'hub.token';
  }
}

/** How the Hub is reached, as VS Code's settings and the secrets say at this moment. */
export async function netOptions(secrets: SecretStorage): Promise<NetOptions> {
  const address = endpoint();
  const http = workspace.getConfiguration('http');
  const text = (key: string): string | undefined => {
    const value = http.get<unknown>(key);
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
  };
  const except = http.get<unknown>('noProxy');
  return {
    endpoint: address,
    token: await secrets.get(keyOf(address)),
    proxy: {
      url: text('proxy'),
      authorization: text('proxyAuthorization'),
      except: Array.isArray(except) ? except.filter((one): one is string => typeof one === 'string') : [],
      strict: http.get<unknown>('proxyStrictSSL') !== false,
      off: http.get<unknown>('proxySupport') === 'off',
    },
  };
}

/** Asks for an access token and keeps it in the editor's secret storage, nowhere else. */
export async function setToken(secrets: SecretStorage): Promise<void> {
  const address = endpoint();
  const token = await window.showInputBox({
    title: `Access token for ${hostOf(address)}`,
    prompt: 'It is kept in the secret storage of this editor and sent to this host alone.',
    placeHolder: 'hf_…',
    password: true,
    ignoreFocusOut: true,
    validateInput: (value) =>
      /^[\x21-\x7e]{1,500}$/.test(value.trim()) || value === '' ? null : 'A token has no spaces and no letters beyond ASCII.',
  });
  if (!token?.trim()) return;
  await secrets.store(keyOf(address), token.trim());
  void window.showInformationMessage(`The access token for ${hostOf(address)} is kept.`);
}

export async function forgetToken(secrets: SecretStorage): Promise<void> {
  const address = endpoint();
  const had = (await secrets.get(keyOf(address))) !== undefined;
  await secrets.delete(keyOf(address));
  void window.showInformationMessage(
    had ? `The access token for ${hostOf(address)} is forgotten.` : `There is no access token for ${hostOf(address)}.`,
  );
}

const VARIABLE = 'RESIDUE_MODELS';
const inherited = process.env[VARIABLE];

/**
 * Makes the setting of the models' folder hold for this host and what it starts (the engine, the thread that downloads), which look
 * it up in their environment as the command line does.
 * @returns Whether it changed.
 */
export function applyModelsFolder(): boolean {
  const set = workspace.getConfiguration(section).get<unknown>('models.folder');
  const folder = typeof set === 'string' && isAbsolute(set.trim()) ? set.trim() : inherited;
  if (process.env[VARIABLE] === folder) return false;
  if (folder === undefined) delete process.env[VARIABLE];
  else process.env[VARIABLE] = folder;
  return true;
}
