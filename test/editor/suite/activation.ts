import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { commands, extensions, Uri, window, workspace, type ExtensionContext } from 'vscode';
import { timed } from '../../helpers/cpu-time.js';
import { extensionId, slowness } from './helpers.js';

interface Manifest {
  contributes: {
    commands: { command: string }[];
    walkthroughs: { steps: { description: string; media: { markdown?: string; image?: Record<string, string> } }[] }[];
  };
}

type Entry = { activate: (context: ExtensionContext) => unknown };

describe('activation', () => {
  it('takes little, loading included', async () => {
    const extension = extensions.getExtension(extensionId);
    assert(extension, 'The extension is not installed.');
    assert(!extension.isActive, 'It was active before anything asked for it.');
    const main = join(extension.extensionPath, (extension.packageJSON as { main: string }).main);
    const load = createRequire(main);
    const slower = slowness();
    // Both are synchronous, so that what other extensions do meanwhile is not counted.
    const loading = timed(() => load(main) as Entry);
    let activating = 0;
    load.cache[load.resolve(main)]!.exports = {
      ...loading.result,
      activate: (context: ExtensionContext) => {
        const { milliseconds, result } = timed(() => loading.result.activate(context));
        activating = milliseconds;
        return result;
      },
    };
    await extension.activate();
    assert(activating > 0, 'VS Code has loaded the extension a second time.');
    // Twice the target, which the benchmark measures on a quiet machine.
    const limit = 100 * Math.max(slower, slowness());
    const said = `Loading took ${loading.milliseconds.toFixed(1)} ms and activating ${activating.toFixed(1)} ms`;
    assert(loading.milliseconds + activating <= limit, `${said} of processor time, more than ${limit.toFixed(1)}.`);
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
