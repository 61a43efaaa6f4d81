import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CancellationTokenSource, commands, env, LanguageModelTextPart, lm, Uri } from 'vscode';
import type { Answer } from '../../../src/agent/tools.js';
import { closeEditors, folder, openText, until } from './helpers.js';

const shell = `format: 1
shell: asked
family: memory
prompt: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"
answer: " red"
rivals: [" blue", " green"]
run: [{ RECALL: {} }]
verify: false
`;

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

  it('stops when it is told to', async () => {
    const source = new CancellationTokenSource();
    const long = shell
      .replace('ball. Q', 'ball. {{walk}}Q')
      .replace('run:', `vary:\n  walk: { repeat: "They walk. ", times: [${[...Array(60).keys()].join(', ')}] }\nrun:`);
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
