// `npm run package [-- --target=linux-x64] [--out=FILE]`: the extension as a .vsix for one platform (default: this one).
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
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
const withoutText = { '@microsoft/': 'Microsoft Corporation', 'onnxruntime-': 'Microsoft Corporation' };

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

/**
 * Builds production bundles, stages one target's files and packs them.
 *
 * @param {{target?: string, out?: string}} [options]
 * @returns {Promise<string>} Path of the .vsix.
 */
export async function packageExtension({ target = `${process.platform}-${process.arch}`, out } = {}) {
  if (!targets.includes(target))
    throw new Error(`${target} is not a platform this extension can run on: it is one of ${targets.join(', ')}.`);
  ensureInstalled();
  const dist = join(root, 'dist');
  mkdirSync(dist, { recursive: true });
  const stage = mkdtempSync(join(dist, `stage-${target}-`));
  try {
    const meta = join(stage, 'meta.json');
    const build = [
      'esbuild.mjs',
      '--production',
      '--only=extension,engine,cli,webview,report,agent,language-client,language-server,language-tokens',
      `--out=${join(stage, 'dist')}`,
      `--metafile=${meta}`,
    ];
    execFileSync(newerNode() ?? process.execPath, build, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    writeFileSync(join(stage, 'THIRD-PARTY-NOTICES.md'), notices(JSON.parse(readFileSync(meta, 'utf8'))));
    rmSync(meta);
    stageSources(stage);
    stageRuntime(stage, target);
    const { name, version } = stageManifest(stage);
    const vsix = resolve(out ?? join(dist, `${name}-${version}-${target}.vsix`));
    mkdirSync(dirname(vsix), { recursive: true });
    cpSync(join(root, '.vscodeignore'), join(stage, '.vscodeignore'));
    const { createVSIX } = createRequire(import.meta.url)('@vscode/vsce');
    await createVSIX({ cwd: stage, packagePath: vsix, target, dependencies: false });
    return vsix;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const option = (name) => process.argv.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3);
  const split = process.argv.indexOf('--target');
  try {
    const vsix = await packageExtension({
      target: option('target') ?? (split > 0 ? process.argv[split + 1] : undefined),
      out: option('out'),
    });
    say(`${relative(process.cwd(), vsix)} (${(statSync(vsix).size / 2 ** 20).toFixed(1)} MB)`);
  } catch (error) {
    console.error(`▸ ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
