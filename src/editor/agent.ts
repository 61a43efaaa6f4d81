import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  LanguageModelTextPart,
  LanguageModelToolResult,
  lm,
  MarkdownString,
  workspace,
  type CancellationToken,
  type Disposable,
  type LanguageModelTool,
  type PreparedToolInvocation,
} from 'vscode';
import type * as agent from '../agent/bundle.js';
import type { AgentHost, Answer, ProbePromptInput, ReadResidueInput, RunShellInput } from '../agent/tools.js';
import type { Engine } from './engine.js';
import { settings } from './settings.js';
import { restrictedMessage } from './trust.js';

/** The bundle beside this one, read when it is first needed. */
export const agentBundle = (): typeof agent =>
  createRequire(import.meta.url)(join(dirname(fileURLToPath(import.meta.url)), 'agent.cjs')) as typeof agent;

type Work<T> = (host: AgentHost, input: T, options: { signal: AbortSignal }) => Promise<Answer>;

/** What a tool is about to do, for the user to allow; null where it only reads. */
interface Asks {
  doing: string;
  title: string | null;
  about: readonly (readonly [label: string, value: string])[];
}

/** The same three tools that `residue mcp` serves, for language models in the editor. */
export function languageModelTools(engine: Engine): Disposable[] {
  const host: AgentHost = {
    roots: () => Promise.resolve(agentBundle().usable((workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath))),
    runShell: async (params, options) => (await engine.client()).runShell({ ...chosen(params), verify: params.verify }, options),
    probe: async (params, options) => (await engine.client()).probe(chosen(params), options),
  };
  return [
    lm.registerTool<RunShellInput>(
      'residue_run_shell',
      tool(
        host,
        true,
        (...of) => agentBundle().runShell(...of),
        (input) => ({
          doing: `Running ${input.path ?? 'a shell'} on a local model`,
          title: 'Run a shell on a local model?',
          about: [...(input.path === undefined ? [] : [['Shell', input.path] as const]), ...named(input)],
        }),
      ),
    ),
    lm.registerTool<ProbePromptInput>(
      'residue_probe_prompt',
      tool(
        host,
        true,
        (...of) => agentBundle().probePrompt(...of),
        (input) => ({
          doing: 'Probing a prompt on a local model',
          title: 'Probe a prompt on a local model?',
          about: [['Prompt', input.prompt], ...(input.answer === undefined ? [] : [['Answer', input.answer] as const]), ...named(input)],
        }),
      ),
    ),
    lm.registerTool<ReadResidueInput>(
      'residue_read_residue',
      tool(
        host,
        false,
        (of, input) => agentBundle().readResidueFile(of, input),
        ({ path }) => ({
          doing: `Reading ${path}`,
          title: null,
          about: [],
        }),
      ),
    ),
  ];
}

/** What the settings say where the call does not. */
function chosen<T extends { seed?: number | undefined }>(params: T): T & { defaultModel: string; settings: object } {
  const { model, seed, threads, provider, memoryBudget } = settings();
  return { ...params, seed: params.seed ?? seed, defaultModel: model, settings: { threads, provider, memoryBudget } };
}

const named = ({ model, save }: RunShellInput | ProbePromptInput): Asks['about'] => [
  ['Model', model ?? 'as the shell or the setting says'],
  ...(save === undefined ? [] : [['Writes the new file', save] as const]),
];

function tool<T>(host: AgentHost, runs: boolean, work: Work<T>, asks: (input: T) => Asks): LanguageModelTool<T> {
  return {
    prepareInvocation({ input }): PreparedToolInvocation {
      const { doing, title, about } = asks(input);
      if (title === null) return { invocationMessage: doing };
      const message = new MarkdownString();
      for (const [i, [label, value]] of about.entries()) {
        if (i > 0) message.appendMarkdown('\n\n');
        // As text: what a model writes is no markup.
        message.appendMarkdown(`**${label}** `).appendText(value.length > 400 ? `${value.slice(0, 400)}…` : value);
      }
      return { invocationMessage: doing, confirmationMessages: { title, message } };
    },
    async invoke({ input }, token) {
      if (runs && !workspace.isTrusted) throw new Error(restrictedMessage);
      const controller = new AbortController();
      const listener = abortOn(token, controller);
      try {
        const answer = await work(host, input, { signal: controller.signal });
        return new LanguageModelToolResult([new LanguageModelTextPart(JSON.stringify(answer))]);
      } catch (error) {
        throw new Error(sentenceOf(error), { cause: error });
      } finally {
        listener.dispose();
      }
    },
  };
}

function abortOn(token: CancellationToken, controller: AbortController): Disposable {
  if (token.isCancellationRequested) controller.abort();
  return token.onCancellationRequested(() => controller.abort());
}

/** The sentence of an error, with its place. The bundle's InputError is not this one's. */
function sentenceOf(error: unknown): string {
  const { format, message } = error as { format?: () => string; message?: string };
  return typeof format === 'function' ? format.call(error) : (message ?? String(error));
}
