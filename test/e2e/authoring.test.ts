import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { shellText } from '../helpers/shell-text.js';
import { EditorWindow } from './window.js';

const text = shellText({
  id: 'my-shell',
  times: [0, 20, 40],
  control: true,
  answer: ' reddish',
  run: ['ANCHOR: { span: fatc }', 'INHIBIT: { span: fact }'],
});
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
const line = (text: string) => window.page.locator('.editor-group-container.active .view-line', { hasText: text }).first();

afterEach(({ task }) => window?.keepIfFailed(task));

describe('writing a shell in a real browser, with no other extension', () => {
  beforeAll(async () => {
    window = await EditorWindow.open({ files });
  });
  beforeEach(() => window.reset());
  afterAll(() => window?.close());

  it('offers whole shells in an empty file; one is taken and right as it stands', async () => {
    await window.openFile('empty.shell.yaml');
    for (const family of ['memory', 'value', 'salience', 'temporal', 'instruction']) await window.suggest(`shell: ${family}`);
    await window.screenshot('authoring-whole-shells');
    await (await window.suggest('shell: temporal')).click();
    await window.page.keyboard.press('Escape');
    await window.page.locator('.view-line', { hasText: 'REMEMBER: { spans: [noon, morning], right: noon }' }).waitFor();
    // Its hints come only when nothing is wrong with it.
    await window.page
      .locator('.view-line', { hasText: 'prompt:' })
      .getByText(/tokens/)
      .waitFor();
    await window.page.locator('.squiggly-error').waitFor({ state: 'detached' });
  });

  it.each(themes)('completes, explains, mends and counts tokens in %s', async (label, bodyClass) => {
    const name = label.toLowerCase().replaceAll(' ', '-');
    await window.theme(label);
    await window.page.locator(`.monaco-workbench.${bodyClass}`).waitFor();
    // What the theme before typed was saved by itself.
    for (const file of ['wrong.shell.yaml', 'typing.shell.yaml'] as const) await window.write(file, files[file]);

    // How the model reads it: the length over the values of vary, boundaries, an answer of several tokens.
    await window.openFile('right.shell.yaml');
    const hints = window.page.locator('.view-line', { hasText: 'prompt:' });
    await hints.getByText(/\d+.to.\d+.tokens/).waitFor();
    await window.page
      .locator('.view-line', { hasText: 'answer:' })
      .getByText(/\d+.tokens:/)
      .waitFor();
    await window.screenshot(`authoring-tokens-${name}`);

    await window.openFile('typing.shell.yaml');
    await window.goToLine(14);
    await window.page.keyboard.press('End');
    await window.suggest('SENSE');
    await window.page.keyboard.type('SENSE');
    const details = window.page.locator('.suggest-details', { hasText: 'layer by layer' });
    // The first of a window are shown when they are asked for; from then on with every list.
    await details.waitFor({ timeout: 5000 }).catch(() => window.persist(() => window.page.keyboard.press('Control+Space'), details));
    await window.screenshot(`authoring-completion-${name}`);
    await window.page.keyboard.press('Escape');
    await window.page.keyboard.press('Escape');

    await window.openFile('wrong.shell.yaml');
    await window.page.locator('.squiggly-error').first().waitFor();
    // By the keyboard, as who uses no mouse would.
    await window.goToLine(13);
    await window.page.keyboard.press('Home');
    for (let i = 0; i < 4; i++) await window.page.keyboard.press('ArrowRight');
    const hover = window.page.locator('.monaco-hover:visible', { hasText: 'Geva et al. 2023' });
    await window.persist(async () => {
      await window.page.keyboard.press('Control+K');
      await window.page.keyboard.press('Control+I');
    }, hover);
    await window.screenshot(`authoring-hover-${name}`);
    await window.page.keyboard.press('Escape');

    await window.goToLine(12);
    await window.page.keyboard.press('F8');
    await window.page.keyboard.press('Escape');
    const fix = window.page.locator('.action-widget .monaco-list-row', { hasText: 'Change to fact' }).first();
    await window.persist(() => window.page.keyboard.press('Control+.'), fix);
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
    await line('family: instruction').waitFor();
    await window.page.keyboard.press('Escape');
    await window.screenshot('authoring-new-shell-text');
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
    const log = window.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'log.json' });
    await window.contextMenu(log, 'New Shell from Chat Log…');
    await window.page.locator('.tab.active', { hasText: 'Untitled' }).waitFor();
    for (const part of ['role: system', 'content: What is the capital of France?', 'reply: Lyon.', 'answer: "Lyon"'])
      await line(part).waitFor();
    await window.screenshot('authoring-new-shell-chat');
  });

  it('renames a span where it stands', async () => {
    await window.openFile('right.shell.yaml');
    const input = window.page.locator('.rename-box input');
    const rename = (): Promise<void> =>
      window.persist(async () => {
        await window.page.locator('.view-line', { hasText: 'INHIBIT' }).getByText('fact').first().click({ timeout: 10_000 });
        await window.page.keyboard.press('F2');
      }, input);
    await rename();
    await input.fill('two words');
    await window.page.keyboard.press('Enter');
    await window.page
      .locator('.monaco-editor-overlaymessage', { hasText: 'cannot name a span' })
      .or(window.toast('cannot name a span'))
      .first()
      .waitFor();
    await window.screenshot('authoring-rename-refused');
    await window.page.keyboard.press('Escape');
    await rename();
    await input.fill('colour');
    await window.page.keyboard.press('Enter');
    await line('[[colour|red]]').waitFor();
    await line('INHIBIT: { span: colour }').waitFor();
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
      .waitFor();
    await window.openFile('wrong.shell.yaml');
    await window.page.locator('.squiggly-error').first().waitFor();
    await window.screenshot('authoring-restricted');
    expect(window.engines()).toEqual([]);
  });
});
