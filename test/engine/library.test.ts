import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/paths.js';

const root = packageRoot();
const tool = (...path: string[]) => join(root, 'node_modules', ...path);
const run = (args: string[], cwd: string) => spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });

/** The examples of docs/library.md, each a program of its own. */
const examples = [...readFileSync(join(root, 'docs', 'library.md'), 'utf8').matchAll(/^## (.*?)$|^```js\n([^]*?)^```$/gm)].reduce<
  [string, string][]
>((list, [, heading, code]) => {
  if (heading !== undefined) list.push([heading, '']);
  else if (code !== undefined) (list.at(-1) ?? ['', ''])[1] = code;
  return list;
}, []);
const programs = examples.filter(([, code]) => code !== '');

let project: string;

/** A project that has installed the package as `npm pack` makes it, its dependencies linked from here. */
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'residue-library-'));
  execFileSync(process.execPath, ['esbuild.mjs', '--only=library'], { cwd: root, stdio: 'ignore' });
  execFileSync(process.execPath, [tool('typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], { cwd: root });
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: process.platform === 'win32',
  });
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  const installed = join(project, 'node_modules', 'symbolic-residue');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', join(project, filename), '--strip-components=1', '-C', installed]);
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  for (const name of [...Object.keys(dependencies), 'onnxruntime-common', '@types/node']) {
    mkdirSync(join(project, 'node_modules', name, '..'), { recursive: true });
    symlinkSync(tool(name), join(project, 'node_modules', name), 'junction');
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

describe('the library as installed from npm', () => {
  test('there are examples for every part', () => {
    expect(programs.map(([heading]) => heading)).toEqual([
      'Open, run, read',
      'Edits',
      'Lens and generation',
      'Shells',
      'Errors, cancelling, several models',
    ]);
  });

  test.each(programs)('the example "%s" runs as it stands and ends by itself', (heading, code) => {
    const file = join(project, `${heading.replaceAll(/\W+/g, '-')}.mjs`);
    writeFileSync(file, code);
    const { status, stdout, stderr } = run([file], project);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trim()).not.toBe('');
    expect(stdout).not.toMatch(/NaN|undefined/);
  });

  test('brings the command line, which works in any folder with paths of that folder', () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'residue-elsewhere-'));
    try {
      const installed = join(project, 'node_modules', 'symbolic-residue');
      const { bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { bin: { residue: string } };
      // As npm links it.
      const link = join(project, 'node_modules', '.bin', 'residue');
      mkdirSync(join(link, '..'), { recursive: true });
      if (process.platform !== 'win32') symlinkSync(join('..', 'symbolic-residue', bin.residue), link);
      const residue = process.platform === 'win32' ? join(installed, bin.residue) : link;
      cpSync(join(root, 'test', 'reference', 'qwen2'), join(elsewhere, 'model'), { recursive: true });
      mkdirSync(join(elsewhere, 'shells'));
      writeFileSync(
        join(elsewhere, 'shells', 'a.shell.yaml'),
        'format: 1\nshell: mine\nfamily: memory\nmodel: ../model\nprompt: The cat\nanswer: " sat"\nrivals: [" a"]\nrun: [RECALL: {}]\nverify: false\n',
      );
      const said = (...args: string[]) => {
        const { status, stdout, stderr } = run([residue, ...args], elsewhere);
        expect({ args, status, stderr: status === 0 ? '' : stderr }).toEqual({ args, status: 0, stderr: '' });
        return stdout;
      };
      expect(said('check', 'shells')).toContain('a.shell.yaml: ok');
      expect(said('models')).toMatch(/^pocket /m);
      const residues = JSON.parse(said('run', 'shells/a.shell.yaml', '--json', '--npz', 'arrays', '--out', 'out')) as {
        shell: { id: string };
      };
      expect(residues.shell.id).toBe('mine');
      expect(said('probe', 'The cat', '--model', 'model', '--npz', 'probed')).toContain('qwen2, 3 layers');
      for (const made of ['arrays/probe.npz', 'out/a.residue.json', 'probed/probe.npz'])
        expect(existsSync(join(elsewhere, made)), made).toBe(true);
    } finally {
      rmSync(elsewhere, { recursive: true, force: true });
    }
  });

  test.each(['node16', 'bundler'])('its types hold for a consumer with moduleResolution %s', (resolution) => {
    writeFileSync(
      join(project, 'consumer.ts'),
      `import { openModel, InputError, EngineClient, type Edit, type Residue, type RemoteModel, type NdArray } from 'symbolic-residue';
const edits: Edit[] = [{ kind: 'knockout', layers: 'all', heads: [0], queries: [1], keys: [0] }];
export async function main(): Promise<number> {
  const model: RemoteModel = await openModel('pocket', { threads: 2, engine: new EngineClient() });
  const run = await model.run([[1, 2], [3, 4]], { edits, hooks: ['hook_embed'], logits: [0] });
  const array: NdArray = await run.read('hook_embed', { row: 0, slice: [0, [1, 2], null] });
  const residue: Residue = await model.runShell('format: 1', { file: 'a.shell.yaml', onPartial: (r) => r.status });
  // @ts-expect-error There is no such edit.
  await model.run([1], { edits: [{ kind: 'knock' }] });
  // @ts-expect-error A model is named by a path.
  await openModel(3);
  if (!(residue instanceof InputError)) await model.close();
  return array.shape.length;
}
`,
    );
    const options = [
      '--strict',
      '--noEmit',
      '--target',
      'es2022',
      '--types',
      'node',
      '--module',
      resolution === 'node16' ? 'node16' : 'esnext',
      '--moduleResolution',
      resolution,
    ];
    const { status, stdout } = run([tool('typescript', 'bin', 'tsc'), ...options, 'consumer.ts'], project);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  test('the command is there', () => {
    const cli = join(project, 'node_modules', 'symbolic-residue', 'dist', 'cli.cjs');
    expect(run([cli, '--version'], project).stdout.trim()).toMatch(/^\d+\.\d+\.\d+/);
  });
});
