import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { commands, extensions, Uri } from 'vscode';
import { extensionId } from './helpers.js';

const extension = (): NonNullable<ReturnType<typeof extensions.getExtension>> => extensions.getExtension(extensionId)!;

describe('getting in', () => {
  it('makes a sample workspace of the bundled shells, and another beside one that is there', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'residue-sample-'));
    try {
      const make = (): Thenable<Uri | undefined> => commands.executeCommand('symbolicResidue.openSample', Uri.file(parent), false);
      const first = await make();
      assert(first);
      assert.equal(basename(first.fsPath), 'symbolic-residue-sample');
      const bundled = join(extension().extensionPath, 'shells');
      for (const name of readdirSync(bundled, { recursive: true, encoding: 'utf8' }).filter((one) => one.endsWith('.yaml')))
        assert.equal(readFileSync(join(first.fsPath, name), 'utf8'), readFileSync(join(bundled, name), 'utf8'), name);
      assert.match(readFileSync(join(first.fsPath, 'README.md'), 'utf8'), /Run shell/);
      const second = await make();
      assert.equal(second && basename(second.fsPath), 'symbolic-residue-sample-2');
    } finally {
      rmSync(parent, { recursive: true, force: true });
    }
  });
});
