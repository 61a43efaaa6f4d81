import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ListRootsRequestSchema, type CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../../src/agent/tools.js';
import { packageRoot } from '../../src/paths.js';
import { readResidue } from '../../src/residue/read.js';
import { childrenOf, cli, isAlive } from '../helpers/cli.js';
import { temporaryFolder } from '../helpers/reference.js';

const SHELL = `format: 1
shell: asked
family: memory
prompt: "Tom has a [[fact|red]] ball. {{walk}}Q: What color is Tom's ball? A:"
control: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"
answer: " red"
rivals: [" blue", " green"]
vary:
  walk: { repeat: "They walk for a while. ", times: [0, 4] }
run: [{ ANCHOR: { span: fact } }, { RECALL: {} }, { INHIBIT: { span: fact, layers: all } }]
expect: [{ margin: { below: -50 } }]
verify: false
`;

const top = realpathSync(temporaryFolder());
const workspace = join(top, 'workspace');
const outside = join(top, 'outside');
mkdirSync(workspace);
mkdirSync(outside);
writeFileSync(join(workspace, 'asked.shell.yaml'), SHELL);
writeFileSync(join(outside, 'secret.shell.yaml'), SHELL);
writeFileSync(join(workspace, 'bad.shell.yaml'), SHELL.replace('prompt:', 'promt:').replace('family: memory', 'family: memry'));
symlinkSync(outside, join(workspace, 'link'));

interface Connected {
  client: Client;
  transport: StdioClientTransport;
  said: () => string;
}

const open: Connected[] = [];

async function connect(args: string[] = [], { cwd = workspace, roots }: { cwd?: string; roots?: string[] } = {}): Promise<Connected> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [join(packageRoot(), 'dist', 'cli.cjs'), 'mcp', ...args],
    cwd,
    stderr: 'pipe',
  });
  let said = '';
  transport.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const client = new Client({ name: 'test', version: '1' }, { capabilities: roots ? { roots: {} } : {} });
  if (roots) client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: roots.map((root) => ({ uri: pathToFileURL(root).href })) }));
  // A line of stdout that is no message is an error of the transport.
  client.onerror = (error) => (said += `protocol: ${error.message}\n`);
  await client.connect(transport);
  const connected = { client, transport, said: () => said };
  open.push(connected);
  return connected;
}

afterAll(async () => {
  for (const { client } of open) await client.close();
});

const answerOf = (result: unknown): Answer => {
  const { isError, structuredContent, content } = result as CallToolResult;
  expect(isError, JSON.stringify(content)).toBeFalsy();
  expect(JSON.parse((content[0] as { text: string }).text)).toEqual(structuredContent);
  return structuredContent as unknown as Answer;
};
const errorOf = (result: unknown): string => {
  const { isError, content, structuredContent } = result as CallToolResult;
  expect(isError).toBe(true);
  expect(structuredContent).toBeUndefined();
  return (content[0] as { text: string }).text;
};

describe('residue mcp', () => {
  let server: Connected;
  beforeAll(async () => {
    server = await connect();
  });

  it('publishes its tools with schemas of what they take and give, and what they may do', async () => {
    const { tools } = await server.client.listTools();
    expect(tools.map(({ name }) => name).sort()).toEqual(['probe_prompt', 'read_residue', 'run_shell']);
    for (const { name, inputSchema, outputSchema, annotations, description } of tools) {
      expect(inputSchema, name).toMatchObject({ type: 'object', additionalProperties: false });
      for (const [field, schema] of Object.entries(inputSchema.properties ?? {}))
        expect(schema, `${name}.${field}`).toHaveProperty('description');
      expect(outputSchema?.required).toEqual(expect.arrayContaining(['summary', 'saved']));
      expect(annotations).toMatchObject({ readOnlyHint: name === 'read_residue', destructiveHint: false, openWorldHint: false });
      expect(description?.length).toBeGreaterThan(60);
    }
    const { resources } = await server.client.listResources();
    expect(resources.map(({ uri }) => uri)).toContain('residue://methods');
    const { contents } = await server.client.readResource({ uri: 'residue://shell.schema.json' });
    expect(JSON.parse((contents[0] as { text: string }).text)).toHaveProperty('properties.prompt');
    expect(server.client.getInstructions()).toContain('tested by intervention');
  });

  it('runs a shell, tells how far it is in numbers that grow, and writes nothing', async () => {
    const heard: { progress: number; total?: number; message?: string }[] = [];
    const answer = answerOf(
      await server.client.callTool({ name: 'run_shell', arguments: { path: 'asked.shell.yaml' } }, undefined, {
        onprogress: (event) => heard.push(event),
      }),
    );
    const { summary, saved, details } = answer;
    expect(summary).toMatchObject({ status: 'complete', shell: { id: 'asked', file: 'asked.shell.yaml' }, model: { id: 'pocket' } });
    expect(summary.margins.map(({ run }) => run)).toEqual(['probe.walk=0', 'probe.walk=4']);
    expect(summary.margins.every(({ margin, failed }) => failed || margin > 0)).toBe(true);
    expect(summary.heads).toHaveLength(8);
    expect(summary.expectations).toMatchObject({ passed: 0, failed: [{ line: 11 }] });
    expect(summary.sections).toEqual(expect.arrayContaining(['lens', 'commands', 'claims']));
    expect(JSON.stringify(answer).length).toBeLessThan(12_000);
    expect([saved, details]).toEqual([null, undefined]);
    expect(heard.length).toBeGreaterThan(2);
    expect(heard.every(({ progress }, i) => i === 0 || progress > heard[i - 1]!.progress)).toBe(true);
    expect(heard.at(-1)).toMatchObject({ total: 1 });
    expect(server.said()).toBe('');
  });

  it('saves a residue only where it is told to, and reads it again with the sections asked for', async () => {
    const arguments_ = {
      text: SHELL,
      commands: ['recall'],
      save: 'kept/a.residue.json',
      sections: ['lens', 'nothing'],
      run: 'probe.walk=4',
    };
    const first = answerOf(await server.client.callTool({ name: 'run_shell', arguments: arguments_ }));
    const path = join(workspace, 'kept', 'a.residue.json');
    expect(first.saved).toBe(path);
    const residue = readResidue(path);
    expect(residue.runs[1]!.commands!.map(({ name }) => name)).toEqual(['RECALL']);
    expect(first.details).toMatchObject({
      run: 'probe.walk=4',
      sections: { lens: residue.runs[1]!.lens },
      omitted: [{ section: 'nothing' }],
    });
    const dose = answerOf(await server.client.callTool({ name: 'run_shell', arguments: { text: SHELL, commands: [], vary: ['walk=4'] } }));
    expect(dose.summary.margins.map(({ run }) => run)).toEqual(['probe.walk=4']);
    const before = readFileSync(path, 'utf8');
    expect(errorOf(await server.client.callTool({ name: 'run_shell', arguments: arguments_ }))).toMatch(/already a file/);
    expect(readFileSync(path, 'utf8')).toBe(before);
    const again = answerOf(
      await server.client.callTool({ name: 'read_residue', arguments: { path: 'kept/a.residue.json', sections: ['provenance'] } }),
    );
    expect(again.summary).toEqual(first.summary);
    expect(again.details?.sections).toEqual({ provenance: residue.provenance });
  });

  it('probes a prompt', async () => {
    const { summary } = answerOf(
      await server.client.callTool({
        name: 'probe_prompt',
        arguments: { prompt: "Tom has a red ball. Q: What color is Tom's ball? A:", answer: ' red', rivals: [' blue'] },
      }),
    );
    expect(summary.answer?.text).toBe(' red');
    expect(summary.rivals.map(({ text }) => text)).toEqual([' blue']);
    expect(summary.says).toHaveLength(3);
  });

  it('refuses every way out of the workspace, and says what is wrong with an input', async () => {
    const call = async (name: string, args: Record<string, unknown>) => errorOf(await server.client.callTool({ name, arguments: args }));
    const escape = /outside of the folders that may be used here/;
    for (const path of ['../outside/secret.shell.yaml', join(outside, 'secret.shell.yaml'), 'link/secret.shell.yaml'])
      expect(await call('run_shell', { path }), path).toMatch(escape);
    for (const save of ['../x.residue.json', join(outside, 'x.residue.json'), 'link/x.residue.json', 'link/new/x.residue.json'])
      expect(await call('probe_prompt', { prompt: 'Tom', save }), save).toMatch(escape);
    expect(await call('read_residue', { path: '../../etc/passwd' })).toMatch(escape);
    expect(await call('probe_prompt', { prompt: 'Tom', save: 'settings.json' })).toMatch(/ends in \.residue\.json/);
    expect(existsSync(join(outside, 'x.residue.json'))).toBe(false);
    expect(await call('run_shell', {})).toMatch(/`path` or `text`/);
    expect(await call('run_shell', { path: 'asked.shell.yaml', text: SHELL })).toMatch(/one of the two/);
    expect(await call('run_shell', { path: 'none.shell.yaml' })).toMatch(/no such file/i);
    expect(await call('run_shell', { path: 'asked.shell.yaml', commands: ['RECAL'] })).toMatch(/did you mean "RECALL"/);
    const wrong = await call('run_shell', { path: 'bad.shell.yaml' });
    expect(wrong).toMatch(/bad\.shell\.yaml:3:\d+: .*"memory"/);
    expect(wrong).toMatch(/bad\.shell\.yaml:4:1: .*"prompt"/);
    expect(await call('read_residue', { path: 'asked.shell.yaml' })).toMatch(/not JSON/);
    expect(await call('probe_prompt', { prompt: 'Tom', model: 'poket' })).toMatch(/did you mean pocket/);
    expect(await call('run_shell', { path: 'asked.shell.yaml', vrify: true })).toMatch(/vrify/);
    expect(await call('run_shell', { text: SHELL, sections: ['lense'] })).toMatch(/no section "lense": did you mean "lens"/);
    expect(server.said()).toBe('');
  });

  it('stops a run that is cancelled, and answers the next call', async () => {
    const controller = new AbortController();
    const long = SHELL.replace('[0, 4]', `[${Array.from({ length: 60 }, (_, i) => i).join(', ')}]`);
    const call = server.client.callTool({ name: 'run_shell', arguments: { text: long, save: 'never.residue.json' } }, undefined, {
      signal: controller.signal,
      onprogress: () => controller.abort(),
    });
    await expect(call).rejects.toThrow();
    expect(answerOf(await server.client.callTool({ name: 'probe_prompt', arguments: { prompt: 'Tom has a' } })).summary.status).toBe(
      'complete',
    );
    expect(existsSync(join(workspace, 'never.residue.json'))).toBe(false);
  });

  it('takes the folders that the client names, and offers no saving when it may not', async () => {
    const strict = await connect(['--read-only'], { cwd: top, roots: [outside] });
    const { tools } = await strict.client.listTools();
    for (const { inputSchema, annotations } of tools) {
      expect(inputSchema.properties).not.toHaveProperty('save');
      expect(annotations?.readOnlyHint).toBe(true);
    }
    const call = (args: Record<string, unknown>) => strict.client.callTool({ name: 'run_shell', arguments: args });
    expect(errorOf(await call({ path: join(workspace, 'asked.shell.yaml') }))).toContain(outside);
    expect(errorOf(await call({ text: SHELL, save: 'x.residue.json' }))).toMatch(/save/);
    expect(errorOf(await call({ path: 'secret.shell.yaml', commands: ['X'] }))).toMatch(/no command "X"/);
    expect((await cli(['mcp', '--root', join(top, 'none')])).stderr).toMatch(/none: is no folder/);
  });

  it('ends with its client, and takes the engine along', async () => {
    const { client, transport } = await connect();
    answerOf(await client.callTool({ name: 'probe_prompt', arguments: { prompt: 'Tom has a' } }));
    const pid = transport.pid!;
    const engines = childrenOf(pid);
    expect(engines).toHaveLength(1);
    await client.close();
    await expect.poll(() => [pid, ...engines].filter(isAlive), { timeout: 10_000 }).toEqual([]);
  });
});
