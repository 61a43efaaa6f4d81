import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CancellationTokenSource, commands, ConfigurationTarget, env, LanguageModelTextPart, lm, Uri, workspace } from 'vscode';
import type { Answer } from '../../../src/agent/tools.js';
import { mcp } from './mcp-spy.js';
import { closeEditors, folder, openText, until } from './helpers.js';
import { shellText } from '../../helpers/shell-text.js';

const shell = shellText({ id: 'asked', rivals: [' blue', ' green'], run: ['RECALL: {}'], more: ['verify: false'] });

async function invoke(name: string, input: object, token = new CancellationTokenSource().token): Promise<Answer> {
  const { content } = await lm.invokeTool(name, { input, toolInvocationToken: undefined }, token);
  const [part] = content;
  assert(part instanceof LanguageModelTextPart);
  return JSON.parse(part.value) as Answer;
}

describe('tools for language models', () => {
  afterEach(closeEditors);

  it('offers what the command line serves to agents', () => {
    const own = lm.tools.filter(({ name }) => name.startsWith('residue_'));
    assert.deepEqual(own.map(({ name }) => name).sort(), ['residue_probe_prompt', 'residue_read_residue', 'residue_run_shell']);
    for (const { description, inputSchema } of own) {
      assert(description.includes('tested by intervention'));
      assert.equal((inputSchema as { type?: string }).type, 'object');
    }
  });

  it('runs a shell and a prompt, keeps what it is told to keep, and reads it', async () => {
    writeFileSync(join(folder(), 'asked.shell.yaml'), shell);
    const { summary, saved } = await invoke('residue_run_shell', { path: 'asked.shell.yaml', save: 'kept/asked.residue.json' });
    assert.equal(summary.shell.id, 'asked');
    assert.equal(summary.answer?.text, ' red');
    assert.equal(saved, join(folder(), 'kept', 'asked.residue.json'));
    try {
      const read = await invoke('residue_read_residue', { path: 'kept/asked.residue.json', sections: ['lens'] });
      assert.deepEqual(read.summary, summary);
      assert(read.details?.sections.lens);
    } finally {
      rmSync(join(folder(), 'kept'), { recursive: true });
    }
    const probe = await invoke('residue_probe_prompt', { prompt: 'Tom has a red', answer: ' ball' });
    assert.equal(probe.summary.status, 'complete');
    assert.equal(probe.saved, null);
  });

  it('refuses what lies outside of the workspace, and says what is wrong in one sentence', async () => {
    await assert.rejects(invoke('residue_read_residue', { path: '/etc/passwd' }), /outside of the folders/);
    await assert.rejects(invoke('residue_probe_prompt', { prompt: 'Tom', save: '../x.residue.json' }), /outside of the folders/);
    await assert.rejects(invoke('residue_run_shell', { text: shell.replace('family: memory', 'family: memry') }), /3:\d+: .*"memory"/);
    assert(!existsSync(join(folder(), '..', 'x.residue.json')));
  });

  it('offers the server among those of VS Code where the setting says so, and it serves the same tools', async () => {
    const provider = mcp.providers.get('symbolicResidue');
    assert(provider, 'No provider of MCP servers was registered.');
    assert.deepEqual(provider.provideMcpServerDefinitions(), []);
    const configuration = workspace.getConfiguration('symbolicResidue');
    await configuration.update('mcpServer', true, ConfigurationTarget.Global);
    const client = new Client({ name: 'test', version: '1' });
    try {
      const [definition] = await until('the definition', () => {
        const all = provider.provideMcpServerDefinitions();
        return all.length > 0 && all;
      });
      assert(definition);
      const { command, args, env: extra } = definition;
      const strings = Object.fromEntries(Object.entries({ ...process.env, ...extra }).map(([name, value]) => [name, String(value ?? '')]));
      await client.connect(new StdioClientTransport({ command, args, env: strings }));
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map(({ name }) => name).sort(), ['probe_prompt', 'read_residue', 'run_shell']);
      const { content } = await client.callTool({ name: 'read_residue', arguments: { path: '../x.residue.json' } });
      assert.match(JSON.stringify(content), /outside of the folders/);
    } finally {
      await client.close();
      await configuration.update('mcpServer', undefined, ConfigurationTarget.Global);
    }
  });

  it('stops when it is told to', async () => {
    const source = new CancellationTokenSource();
    const long = shellText({ id: 'asked', times: [...Array(60).keys()] });
    const pending = invoke('residue_run_shell', { text: long }, source.token);
    setTimeout(() => source.cancel(), 200);
    await assert.rejects(pending);
  });
});

describe('reports', () => {
  afterEach(closeEditors);

  it('copies a summary as Markdown and saves one HTML file, of a shell and of a residue file', async () => {
    const document = await openText('asked.shell.yaml', shell);
    await commands.executeCommand('symbolicResidue.runShell', document.uri);
    await env.clipboard.writeText('');
    await commands.executeCommand('symbolicResidue.copyMarkdown', document.uri);
    assert.match(await env.clipboard.readText(), /^## asked\n[^]*```bibtex\n@misc\{nostalgebraist2020logitlens/);
    mkdirSync(join(folder(), 'kept'));
    const file = join(folder(), 'kept', 'asked.residue.json');
    try {
      await invoke('residue_run_shell', { path: 'asked.shell.yaml', save: 'kept/asked.residue.json' });
      await env.clipboard.writeText('');
      await commands.executeCommand('symbolicResidue.copyMarkdown', Uri.file(file));
      assert.match(await env.clipboard.readText(), /^## asked\n/);
      const html = join(folder(), 'kept', 'asked.html');
      const pending = commands.executeCommand('symbolicResidue.saveHtml', Uri.file(file));
      await until('the report', async () => {
        await commands.executeCommand('workbench.action.acceptSelectedQuickOpenItem');
        return existsSync(html);
      });
      await pending;
      assert.match(readFileSync(html, 'utf8'), /^<!DOCTYPE html>[^]*id="residue">/);
    } finally {
      rmSync(join(folder(), 'kept'), { recursive: true });
    }
  });
});
