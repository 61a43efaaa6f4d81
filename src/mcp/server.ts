import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  RootsListChangedNotificationSchema,
  type CallToolResult,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { usable } from '../agent/places.js';
import { probePrompt, readResidueFile, runShell, type AgentHost, type Answer } from '../agent/tools.js';
import type { EngineClient, ProgressOptions } from '../engine/client.js';
import { EngineError } from '../engine/errors.js';
import type { ModelSettings } from '../engine/protocol.js';
import { CancelledError, InputError } from '../errors.js';
import { packageRoot, packageVersion } from '../paths.js';
import { DESCRIPTIONS } from './descriptions.js';
import { answerOutput, probePromptInput, readResidueInput, runShellInput } from './schemas.js';

export interface McpOptions {
  engine: EngineClient;
  /** Folders that may be used; default: the client's roots, else the working folder. */
  roots?: readonly string[];
  /** Leave `save` out: nothing can be written at all. */
  readOnly?: boolean;
  defaultModel: string;
  settings: ModelSettings;
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

const INSTRUCTIONS = `Symbolic Residue probes why a prompt fails inside a local language model: what it almost said, at which layer that was lost, and which heads lost it. \
Every number is measured on a real model on this machine. "read off" only suggests; only "tested by intervention" may be called a cause. Tell the user the caveats of an answer. \
probe_prompt needs a prompt alone; run_shell runs a shell (YAML: a failing prompt, a control that succeeds, commands that measure), whose format the resource residue://shell.schema.json gives; \
read_residue reads what an earlier run left. Ask for sections only where the summary leaves a question open; residue://methods says what each number means.`;

/** At least this many milliseconds between two notifications of progress. */
const TELL_EVERY = 50;

/** Tells a client how far a call is, where it asked to be told. The protocol wants numbers that grow. */
function progressOf({ _meta, sendNotification, signal }: Extra): ProgressOptions {
  const token = _meta?.progressToken;
  if (token === undefined) return { signal };
  let last = -1;
  let told = 0;
  return {
    signal,
    onProgress: ({ stage, done, total }) => {
      const progress = total > 0 ? Math.min(1, done / total) : 0;
      if (signal.aborted || progress <= last || (Date.now() - told < TELL_EVERY && progress < 1)) return;
      last = progress;
      told = Date.now();
      void sendNotification({
        method: 'notifications/progress',
        params: { progressToken: token, progress, total: 1, message: stage },
      }).catch(
        // A client that is gone is told nothing more.
        () => undefined,
      );
    },
  };
}

/** A bad input is the answer of a tool, to be read and mended by whoever asked; only a fault of the program is an error of the protocol. */
async function told(work: () => Promise<Answer>): Promise<CallToolResult> {
  try {
    const structuredContent = { ...(await work()) };
    return { structuredContent, content: [{ type: 'text', text: JSON.stringify(structuredContent) }] };
  } catch (error) {
    const text =
      error instanceof InputError ? error.format() : error instanceof EngineError || error instanceof CancelledError ? error.message : null;
    if (text === null) throw error;
    return { isError: true, content: [{ type: 'text', text }] };
  }
}

/** The server with its tools and resources, not yet connected. */
export function createServer({ engine, roots, readOnly = false, defaultModel, settings }: McpOptions): McpServer {
  const server = new McpServer(
    { name: 'symbolic-residue', title: 'Symbolic Residue', version: packageVersion() },
    { instructions: INSTRUCTIONS, capabilities: { tools: {}, resources: {} } },
  );
  const host = hostOf(server, { engine, roots, defaultModel, settings });
  // Strict: a parameter that there is not is told, not passed over.
  const runInput = z.strictObject(runShellInput);
  const probeInput = z.strictObject(probePromptInput);
  // What can write is not called read-only, though it writes only when told where; it never replaces anything.
  const annotations = { readOnlyHint: readOnly, destructiveHint: false, idempotentHint: true, openWorldHint: false };
  server.registerTool(
    'run_shell',
    {
      ...DESCRIPTIONS.run_shell,
      inputSchema: readOnly ? (runInput.omit({ save: true }) as typeof runInput) : runInput,
      outputSchema: answerOutput,
      annotations,
    },
    (input, extra) => told(() => runShell(host, input, progressOf(extra))),
  );
  server.registerTool(
    'probe_prompt',
    {
      ...DESCRIPTIONS.probe_prompt,
      inputSchema: readOnly ? (probeInput.omit({ save: true }) as typeof probeInput) : probeInput,
      outputSchema: answerOutput,
      annotations,
    },
    (input, extra) => told(() => probePrompt(host, input, progressOf(extra))),
  );
  server.registerTool(
    'read_residue',
    {
      ...DESCRIPTIONS.read_residue,
      inputSchema: z.strictObject(readResidueInput),
      outputSchema: answerOutput,
      annotations: { ...annotations, readOnlyHint: true },
    },
    (input) => told(() => readResidueFile(host, input)),
  );
  document(server, 'methods', 'text/markdown', 'What each word of a residue means as a number', 'docs', 'methods.md');
  document(
    server,
    'shell.schema.json',
    'application/schema+json',
    'JSON Schema of a shell, with descriptions',
    'media',
    'schemas',
    'shell.schema.json',
  );
  document(server, 'residue.schema.json', 'application/schema+json', 'JSON Schema of a residue', 'media', 'schemas', 'residue.schema.json');
  return server;
}

function document(server: McpServer, name: string, mimeType: string, description: string, ...path: string[]): void {
  server.registerResource(name, `residue://${name}`, { description, mimeType }, (uri) => ({
    contents: [{ uri: uri.href, mimeType, text: readFileSync(join(packageRoot(), ...path), 'utf8') }],
  }));
}

function hostOf(server: McpServer, { engine, roots, defaultModel, settings }: McpOptions): AgentHost {
  let asked: Promise<readonly string[]> | undefined;
  server.server.setNotificationHandler(RootsListChangedNotificationSchema, () => {
    asked = undefined;
  });
  const ofClient = async (): Promise<readonly string[]> => {
    const here = usable([process.cwd()]);
    if (!server.server.getClientCapabilities()?.roots) return here;
    const { roots: listed } = await server.server.listRoots();
    const folders = listed.flatMap(({ uri }) => (uri.startsWith('file:') ? [fileURLToPath(uri)] : []));
    return listed.length > 0 ? usable(folders) : here;
  };
  return {
    roots: () => (roots ? Promise.resolve(roots.map((root) => resolve(root))) : (asked ??= ofClient())),
    runShell: (params, options) => engine.runShell({ ...params, defaultModel, settings }, options),
    probe: (params, options) => engine.probe({ ...params, defaultModel, settings }, options),
  };
}
