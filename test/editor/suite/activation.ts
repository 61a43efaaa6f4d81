import assert from 'node:assert/strict';
import { commands, extensions, Uri, window, workspace } from 'vscode';
import { extensionId, processorTime } from './helpers.js';

interface Manifest {
  contributes: {
    commands: { command: string }[];
    walkthroughs: { steps: { description: string; media: { markdown?: string; image?: Record<string, string> } }[] }[];
  };
}

/** Waits until VS Code's own extensions have started: half a second in which next to nothing ran. */
async function idle(): Promise<void> {
  for (let i = 0; i < 40; i++) {
    const before = processorTime();
    await new Promise((done) => setTimeout(done, 500));
    if (processorTime() - before < 10) return;
  }
  throw new Error('The extension host did not come to rest in 20 s.');
}

describe('activation', () => {
  it('takes at most 50 ms, loading included', async () => {
    const extension = extensions.getExtension(extensionId);
    assert(extension, 'The extension is not installed.');
    assert(!extension.isActive, 'It was active before anything asked for it.');
    await idle();
    const before = processorTime();
    await extension.activate();
    const milliseconds = processorTime() - before;
    assert(milliseconds <= 50, `Activation took ${milliseconds} ms of processor time.`);
  });

  it('registers every command that it declares', async () => {
    const { contributes } = extensions.getExtension(extensionId)?.packageJSON as Manifest;
    const registered = new Set(await commands.getCommands(true));
    const missing = contributes.commands.map(({ command }) => command).filter((command) => !registered.has(command));
    assert.deepEqual(missing, []);
  });

  it('has walkthroughs whose pages and pictures are there and whose links are commands', async () => {
    const extension = extensions.getExtension(extensionId)!;
    const registered = new Set(await commands.getCommands(true));
    const { walkthroughs } = (extension.packageJSON as Manifest).contributes;
    assert.equal(walkthroughs.length, 2);
    for (const { description, media } of walkthroughs.flatMap(({ steps }) => steps)) {
      const pages = media.markdown === undefined ? Object.values(media.image ?? {}) : [media.markdown];
      assert(pages.length > 0, description);
      for (const page of pages) await workspace.fs.stat(Uri.joinPath(extension.extensionUri, page));
      for (const [, command] of description.matchAll(/\(command:([\w.]+)/g)) assert(registered.has(command!), command);
    }
  });

  it('opens the shell of a planted failure', async () => {
    await commands.executeCommand('symbolicResidue.openPlanted', 'ghost');
    const document = window.activeTextEditor?.document;
    assert(document, 'No editor is open.');
    assert(document.uri.path.endsWith('/shells/planted/ghost.shell.yaml'), document.uri.path);
    assert.equal(document.languageId, 'residue-shell');
    await commands.executeCommand('workbench.action.closeActiveEditor');
  });
});
