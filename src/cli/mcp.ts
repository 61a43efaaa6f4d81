import { statSync } from 'node:fs';
import { InputError } from '../errors.js';
import { EngineClient } from '../engine/client.js';
import { DEFAULT_MODEL } from '../model/catalog.js';
import { EXIT, sentenceOf, settingsOf, type ModelOptions } from './session.js';

export interface McpCommandOptions extends Pick<ModelOptions, 'model' | 'threads' | 'provider'> {
  root?: string[];
  readOnly?: boolean;
}

/** The engine ends when nothing was asked of it for so long (milliseconds), and starts again when something is. */
const IDLE = 5 * 60_000;

/**
 * `residue mcp`: a server of the Model Context Protocol on stdin and stdout, until the client closes them. Nothing but the protocol is
 * written to stdout. Returns the exit code.
 */
export async function mcpCommand(options: McpCommandOptions): Promise<number> {
  // Whatever a library prints is no message.
  for (const name of ['log', 'info', 'debug', 'warn'] as const) console[name] = console.error.bind(console);
  try {
    for (const root of options.root ?? [])
      if (!statSync(root, { throwIfNoEntry: false })?.isDirectory())
        throw new InputError('is no folder, and --root names one.', { file: root });
  } catch (error) {
    process.stderr.write(`${sentenceOf(error)}\n`);
    return EXIT.badInput;
  }
  const [{ createServer }, { StdioServerTransport }] = await Promise.all([
    import('../mcp/server.js'),
    import('@modelcontextprotocol/sdk/server/stdio.js'),
  ]);
  const engine = new EngineClient({
    idle: IDLE,
    onLog: (line) => {
      if (process.env.RESIDUE_DEBUG) process.stderr.write(`${line}\n`);
    },
  });
  const server = createServer({
    engine,
    ...(options.root ? { roots: options.root } : {}),
    readOnly: options.readOnly ?? false,
    defaultModel: options.model ?? DEFAULT_MODEL,
    settings: settingsOf({ ...options, color: false }),
  });
  server.server.onerror = (error) => process.stderr.write(`residue mcp: ${error.message}\n`);
  await new Promise<void>((ended) => {
    const end = (): void => ended();
    server.server.onclose = end;
    for (const event of ['end', 'close'] as const) process.stdin.once(event, end);
    process.stdout.once('error', end);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
    server.connect(new StdioServerTransport()).catch((error: unknown) => {
      process.stderr.write(`${sentenceOf(error)}\n`);
      ended();
    });
  });
  await engine.dispose();
  await server.close().catch(() => undefined);
  process.stdin.destroy();
  return EXIT.ok;
}
