// `npm run package [-- --target linux-x64] [--out FOLDER]`: the extension as one .vsix per platform (default: all; `this` is this machine's).
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureInstalled, newerNode, root, say } from './setup.mjs';

/** VS Code's names of the platforms that onnxruntime-node brings a binary for. */
export const targets = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64', 'win32-arm64'];

const libraries = ['onnxruntime-node', 'onnxruntime-common'];

/** Entries of .vscodeignore's allow-list: files, or folders ending in `/**`. */
function allowList() {
  return readFileSync(join(root, '.vscodeignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1).trim());
}

/** Copies from the repository what is on the allow-list and is not made here. A missing entry is an error. */
function stageSources(stage) {
  const made = (entry) => ['package.json', 'THIRD-PARTY-NOTICES.md'].includes(entry) || entry.startsWith('dist/');
  for (const entry of allowList()) {
    if (made(entry)) continue;
    const path = entry.replace(/\/\*\*$/, '');
    if (!existsSync(join(root, path))) throw new Error(`${path} is in .vscodeignore's allow-list, but it is not in the repository.`);
    mkdirSync(dirname(join(stage, path)), { recursive: true });
    cpSync(join(root, path), join(stage, path), { recursive: true });
  }
}

/** package.json without what concerns only this repository. */
function stageManifest(stage) {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const key of ['scripts', 'devDependencies', 'dependencies', 'allowScripts', 'bin', 'exports', 'files', 'types', 'overrides']) {
    delete manifest[key];
  }
  writeFileSync(join(stage, 'package.json'), JSON.stringify(manifest, null, 2) + '\n');
  return manifest;
}

/** onnxruntime-node with one platform's binary, under dist/node_modules, where dist/engine.cjs finds it. */
function stageRuntime(stage, target) {
  const [platform, arch] = target.split('-');
  const modules = join(stage, 'dist', 'node_modules');
  for (const library of libraries) {
    const from = join(root, 'node_modules', library);
    const to = join(modules, library);
    const wanted = (path) => {
      const name = relative(from, path).replaceAll('\\', '/');
      return (
        name === '' ||
        name === 'package.json' ||
        name === 'dist' ||
        (library === 'onnxruntime-node' ? /^dist\/\w+\.js$/.test(name) : /^dist\/cjs(\/[\w-]+\.js|\/package\.json)?$/.test(name))
      );
    };
    cpSync(from, to, { recursive: true, filter: wanted });
  }
  const binaries = join('bin', 'napi-v6', platform, arch);
  const from = join(root, 'node_modules', 'onnxruntime-node', binaries);
  if (!existsSync(join(from, 'onnxruntime_binding.node'))) throw new Error(`onnxruntime-node has no binary for ${target}.`);
  cpSync(from, join(modules, 'onnxruntime-node', binaries), {
    recursive: true,
    // macOS: the library stands there twice; the binding asks for the one without the full version.
    filter: (path) => !/libonnxruntime\.\d+\.\d+\.\d+\.dylib$/.test(path),
  });
}

const mit = (holder) => `MIT License

Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files
(the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge,
publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so,
subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE
FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** Packages whose npm archive says MIT and brings no text. */
const withoutText = {
  '@microsoft/': 'Microsoft Corporation',
  '@vscode/': 'Microsoft Corporation',
  'onnxruntime-': 'Microsoft Corporation',
};

/** Licences of every package whose code is in the bundles, and of those that travel beside them. */
function notices(inputs) {
  const inBundles = inputs.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter(Boolean);
  const names = [...new Set([...inBundles, ...libraries])].sort();
  const parts = names.map((name) => {
    const folder = join(root, 'node_modules', name);
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file) && statSync(join(folder, file)).isFile());
    const holder = license === 'MIT' && Object.entries(withoutText).find(([start]) => name.startsWith(start))?.[1];
    const text =
      files.length > 0 ? files.map((file) => readFileSync(join(folder, file), 'utf8').trim()).join('\n\n') : holder && mit(holder);
    if (!text) throw new Error(`${name} is in the package, but its licence has no text: add its holder to scripts/package.mjs.`);
    return `## ${name} ${version}\n\nLicence: ${license ?? 'see below'}\n\n\`\`\`\`text\n${text}\n\`\`\`\`\n`;
  });
  return `# Third-party notices\n\nSymbolic Residue contains code of these packages, each under its own licence. What is\nlinked into onnxruntime itself is listed in https://github.com/microsoft/onnxruntime/blob/main/ThirdPartyNotices.txt.\n\n${parts.join('\n')}`;
}

/** What esbuild.mjs makes for the package, a line each. */
const bundled = [
  'agent',
  'cli',
  'engine',
  'extension',
  'hub',
  'lane',
  'language-client',
  'language-server',
  'language-tokens',
  'report',
  'residues',
  'shells',
  'webview',
];

/** Production bundles and the notices of what is in them, in `folder`: the same for every target. */
function buildBundles(folder) {
  const meta = join(folder, 'meta.json');
  const build = ['esbuild.mjs', '--production', `--only=${bundled.join(',')}`, `--out=${join(folder, 'dist')}`, `--metafile=${meta}`];
  execFileSync(newerNode() ?? process.execPath, build, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  writeFileSync(join(folder, 'THIRD-PARTY-NOTICES.md'), notices(JSON.parse(readFileSync(meta, 'utf8'))));
  rmSync(meta);
}

/**
 * Builds production bundles once, then stages and packs each target's files.
 *
 * @param {{targets?: readonly string[], folder?: string}} [options] Targets (default: all), and where the packages go (default: dist).
 * @returns {Promise<string[]>} Paths of the .vsix files, in the order of the targets.
 */
export async function packageExtensions({ targets: wanted = targets, folder = join(root, 'dist') } = {}) {
  for (const target of wanted)
    if (!targets.includes(target))
      throw new Error(`${target} is not a platform this extension can run on: it is one of ${targets.join(', ')}, or all.`);
  ensureInstalled();
  const dist = join(root, 'dist');
  mkdirSync(dist, { recursive: true });
  mkdirSync(folder, { recursive: true });
  const { createVSIX } = createRequire(import.meta.url)('@vscode/vsce');
  const base = mkdtempSync(join(dist, 'stage-'));
  const made = [];
  try {
    const bundles = join(base, 'bundles');
    buildBundles(bundles);
    for (const target of wanted) {
      const stage = join(base, target);
      cpSync(bundles, stage, { recursive: true });
      stageSources(stage);
      stageRuntime(stage, target);
      const { name, version } = stageManifest(stage);
      cpSync(join(root, '.vscodeignore'), join(stage, '.vscodeignore'));
      const vsix = resolve(folder, `${name}-${version}-${target}.vsix`);
      await createVSIX({ cwd: stage, packagePath: vsix, target, dependencies: false });
      rmSync(stage, { recursive: true, force: true });
      made.push(vsix);
    }
    return made;
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

/** The package of one target, by default this machine's. */
export async function packageExtension({ target = `${process.platform}-${process.arch}` } = {}) {
  return (await packageExtensions({ targets: [target] }))[0];
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { values } = parseArgs({ options: { target: { type: 'string', multiple: true, default: ['all'] }, out: { type: 'string' } } });
    const wanted = values.target.flatMap((target) =>
      target === 'all' ? targets : target === 'this' ? [`${process.platform}-${process.arch}`] : [target],
    );
    for (const vsix of await packageExtensions({ targets: [...new Set(wanted)], folder: values.out }))
      say(`${relative(process.cwd(), vsix)} (${(statSync(vsix).size / 2 ** 20).toFixed(1)} MB)`);
  } catch (error) {
    console.error(`▸ ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
