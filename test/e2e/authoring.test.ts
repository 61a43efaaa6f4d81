import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EditorWindow } from './window.js';

const text = `format: 1
shell: my-shell
family: memory
prompt: |-
  Tom has a [[fact|red]] ball. {{walk}}Q: What color is Tom's ball? A:
control: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"
answer: " reddish"
rivals: [" blue"]
vary:
  walk: { repeat: "They walk for a while. ", times: [0, 20, 40] }
run:
  - ANCHOR: { span: fatc }
  - INHIBIT: { span: fact }
`;
const right = text.replace('fatc', 'fact');
const files = {
  'empty.shell.yaml': '',
  'wrong.shell.yaml': text,
  'right.shell.yaml': right,
  'typing.shell.yaml': `${right}  - `,
  'log.json': JSON.stringify([
    { role: 'system', content: 'Answer in one word.' },
    { role: 'user', content: 'What is the capital of France?' },
    { role: 'assistant', content: 'Lyon.' },
  ]),
};
const themes = [
  ['Light Modern', 'vs'],
  ['Dark High Contrast', 'hc-black'],
  ['Dark Modern', 'vs-dark'],
] as const;

let window: EditorWindow;
const row = (label: string) => window.page.locator('.suggest-widget.visible .monaco-list-row', { hasText: label }).first();

afterEach(({ task }) => window?.keepIfFailed(task));

describe('writing a shell in a real browser, with no other extension', () => {
  beforeAll(async () => {
    window = await EditorWindow.open({ files });
  });
  beforeEach(() => window.reset());
  afterAll(() => window?.close());

  it('offers whole shells in an empty file; one is taken and right as it stands', async () => {
    await window.openFile('empty.shell.yaml');
    await window.page.keyboard.press('Control+Space');
    for (const family of ['memory', 'value', 'salience', 'temporal', 'instruction']) await row(`shell: ${family}`).waitFor();
    await window.screenshot('authoring-whole-shells');
    await row('shell: temporal').click();
    await window.page.keyboard.press('Escape');
    await window.page.locator('.view-line', { hasText: 'REMEMBER: { spans: [noon, morning], right: noon }' }).waitFor();
    // Its hints come only when nothing is wrong with it.
    await window.page
      .locator('.view-line', { hasText: 'prompt:' })
      .getByText(/tokens/)
      .waitFor({ timeout: 30_000 });
    await window.page.locator('.squiggly-error').waitFor({ state: 'detached' });
  });

  it.each(themes)('completes, explains, mends and counts tokens in %s', async (label, bodyClass) => {
    const name = label.toLowerCase().replaceAll(' ', '-');
    await window.theme(label);
    await window.page.locator(`.monaco-workbench.${bodyClass}`).waitFor();
    // What the theme before typed was saved by itself.
    for (const file of ['wrong.shell.yaml', 'typing.shell.yaml'] as const) writeFileSync(join(window.folder, file), files[file]);
    await window.page.waitForTimeout(500);

    // How the model reads it: the length over the values of vary, boundaries, an answer of several tokens.
    await window.openFile('right.shell.yaml');
    const hints = window.page.locator('.view-line', { hasText: 'prompt:' });
    await hints.getByText(/\d+.to.\d+.tokens/).waitFor({ timeout: 30_000 });
    await window.page
      .locator('.view-line', { hasText: 'answer:' })
      .getByText(/\d+.tokens:/)
      .waitFor();
    await window.screenshot(`authoring-tokens-${name}`);

    await window.openFile('typing.shell.yaml');
    await window.goToLine(14);
    await window.page.keyboard.press('End');
    await window.page.keyboard.press('Control+Space');
    await row('SENSE').waitFor();
    await window.page.keyboard.type('SENSE');
    await window.page.waitForTimeout(400);
    if ((await window.page.locator('.suggest-details-container:visible').count()) === 0) await window.page.keyboard.press('Control+Space');
    await window.page.locator('.suggest-details', { hasText: 'layer by layer' }).waitFor();
    await window.screenshot(`authoring-completion-${name}`);
    await window.page.keyboard.press('Escape');
    await window.page.keyboard.press('Escape');

    await window.openFile('wrong.shell.yaml');
    await window.page.locator('.squiggly-error').first().waitFor();
    // By the keyboard, as who uses no mouse would.
    await window.goToLine(13);
    await window.page.keyboard.press('Home');
    for (let i = 0; i < 4; i++) await window.page.keyboard.press('ArrowRight');
    await window.page.keyboard.press('Control+K');
    await window.page.keyboard.press('Control+I');
    await window.page.locator('.monaco-hover:visible', { hasText: 'Geva et al. 2023' }).first().waitFor();
    await window.screenshot(`authoring-hover-${name}`);
    await window.page.keyboard.press('Escape');

    await window.goToLine(12);
    await window.page.keyboard.press('F8');
    await window.page.keyboard.press('Escape');
    await window.page.keyboard.press('Control+.');
    const fix = window.page.locator('.action-widget .monaco-list-row', { hasText: 'Change to fact' }).first();
    await fix.waitFor();
    await window.screenshot(`authoring-quick-fix-${name}`);
    await fix.click();
    await window.page.locator('.squiggly-error').first().waitFor({ state: 'detached' });
  });

  it('makes a new shell of a family from the palette, and offers it under File > New File', async () => {
    await window.command('Symbolic Residue: New Shell…');
    const list = window.page.locator('.quick-input-list .monaco-list-row');
    await list.getByText('instruction', { exact: true }).waitFor();
    await window.screenshot('authoring-new-shell');
    await list.getByText('instruction', { exact: true }).click();
    await window.page.locator('.tab.active', { hasText: 'Untitled' }).waitFor();
    await window.page.waitForTimeout(800);
    await window.page.keyboard.press('Escape');
    await window.screenshot('authoring-new-shell-text');
    expect(await window.editorText()).toContain('family: instruction');
    await window.page.keyboard.press('Escape');
    await window.page.keyboard.press('Control+Z');
    await window.page.waitForFunction(
      () =>
        ![...document.querySelectorAll('.editor-group-container.active .view-line')].some((line) => line.textContent?.includes('format')),
    );
    await window.command('Create: New File...');
    await list.getByText('Residue Shell').first().waitFor();
    await window.screenshot('authoring-new-file');
    await window.page.keyboard.press('Escape');
  });

  it('makes a new shell of a chat log from its entry in the explorer', async () => {
    await window.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'log.json' }).click({ button: 'right' });
    const entry = window.page.locator('.monaco-menu .action-item', { hasText: 'New Shell from Chat Log…' }).first();
    await entry.waitFor();
    // A menu takes no click in the moment in which it opens.
    await window.page.waitForTimeout(600);
    await entry.click();
    await window.page.locator('.tab.active', { hasText: 'Untitled' }).waitFor();
    await window.page.waitForTimeout(800);
    const shown = await window.editorText();
    for (const part of ['role: system', 'content: What is the capital of France?', 'reply: Lyon.', 'answer: "Lyon"'])
      expect(shown).toContain(part);
    await window.screenshot('authoring-new-shell-chat');
  });

  it('renames a span where it stands', async () => {
    await window.openFile('right.shell.yaml');
    await window.page.locator('.view-line', { hasText: 'INHIBIT' }).getByText('fact').first().click();
    await window.page.keyboard.press('F2');
    const input = window.page.locator('.rename-box input');
    await input.waitFor();
    await input.fill('two words');
    await window.page.keyboard.press('Enter');
    await window.page
      .locator('.monaco-editor-overlaymessage', { hasText: 'cannot name a span' })
      .or(window.toast('cannot name a span'))
      .first()
      .waitFor();
    await window.screenshot('authoring-rename-refused');
    await window.page.keyboard.press('Escape');
    await window.page.locator('.view-line', { hasText: 'INHIBIT' }).getByText('fact').first().click();
    await window.page.keyboard.press('F2');
    await input.fill('colour');
    await window.page.keyboard.press('Enter');
    await window.page.locator('.view-line', { hasText: '[[colour|red]]' }).first().waitFor();
    expect(await window.editorText()).toContain('INHIBIT: { span: colour }');
    await window.screenshot('authoring-renamed');
  });
});

describe('in a folder that is not trusted', () => {
  beforeAll(async () => {
    window = await EditorWindow.open({ files, trust: false, show: 'right.shell.yaml' });
  });
  afterAll(() => window?.close());

  it('everything of this works, with the tokenizer of a bundled model', async () => {
    await window.page.locator('.tab.active[data-resource-name="right.shell.yaml"]').waitFor();
    await window.page
      .locator('.view-line', { hasText: 'prompt:' })
      .getByText(/\d+.to.\d+.tokens/)
      .waitFor({ timeout: 30_000 });
    await window.openFile('wrong.shell.yaml');
    await window.page.locator('.squiggly-error').first().waitFor();
    await window.screenshot('authoring-restricted');
    expect(window.engines()).toEqual([]);
  });
});
