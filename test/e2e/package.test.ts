import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { packageExtensions, targets } from '../../scripts/package.mjs';

/** Every file that may be in the package. */
const allowed = [
  /^\[Content_Types\]\.xml$/,
  /^extension\.vsixmanifest$/,
  /^extension\/(package\.json|readme\.md|changelog\.md|LICENSE\.txt|THIRD-PARTY-NOTICES\.md)$/,
  /^extension\/dist\/(agent|cli|engine|extension|hub|lane|language-client|language-server|language-tokens|residues|shells)\.cjs$/,
  /^extension\/dist\/(report|webview|webview-controls|webview-rest)\.(css|js)$/,
  /^extension\/dist\/node_modules\/onnxruntime-node\/(package\.json|dist\/(backend|binding|index|version)\.js)$/,
  /^extension\/dist\/node_modules\/onnxruntime-common\/(package\.json|dist\/cjs\/[\w-]+\.js|dist\/cjs\/package\.json)$/,
  /^extension\/docs\/(methods|numbers|terms|validity)\.md$/,
  /^extension\/media\/icons\/(icon\.svg|icon\.png|view\.svg|shell-light\.svg|shell-dark\.svg)$/,
  /^extension\/media\/language\/residue-shell\.(tmLanguage|language-configuration)\.json$/,
  /^extension\/media\/schemas\/(comparison|residue|shell)\.schema\.json$/,
  /^extension\/media\/walkthrough\/[\w-]+\.md$/,
  /^extension\/media\/walkthrough\/[\w-]+-(dark|light)\.png$/,
  /^extension\/media\/models\/pocket(-small|-gpt2)?\/(README\.md|(config|tokenizer|tokenizer_config)\.json|model\.safetensors)$/,
  /^extension\/shells\/((more|planted)\/)?[\w-]+\.(shell\.yaml|md)$/,
];

const binaries: Record<string, RegExp> = {
  linux: /\/bin\/napi-v6\/linux\/(x64|arm64)\/(onnxruntime_binding\.node|libonnxruntime\.so\.1)$/,
  darwin: /\/bin\/napi-v6\/darwin\/arm64\/(onnxruntime_binding\.node|libonnxruntime\.1\.dylib)$/,
  win32: /\/bin\/napi-v6\/win32\/(x64|arm64)\/(onnxruntime_binding\.node|\w+\.dll)$/,
};

/** Each bundle that the package needs, whatever the patterns allow. */
const bundles = [
  'agent.cjs',
  'cli.cjs',
  'engine.cjs',
  'extension.cjs',
  'hub.cjs',
  'lane.cjs',
  'lane.cjs',
  'language-client.cjs',
  'language-server.cjs',
  'language-tokens.cjs',
  'report.css',
  'report.js',
  'residues.cjs',
  'shells.cjs',
  'webview-controls.js',
  'webview-rest.js',
  'webview.css',
  'webview.js',
];

const here = `${process.platform}-${process.arch}`;
const contents = (vsix: string): { files: Record<string, Uint8Array>; names: string[] } => {
  const files = unzipSync(readFileSync(vsix));
  return { files, names: Object.keys(files).filter((name) => !name.endsWith('/')) };
};

describe('the packages of all platforms', () => {
  const folder = mkdtempSync(join(tmpdir(), 'residue-packages-'));
  const others = targets.filter((target) => target !== here);
  const made: Record<string, string> = { [here]: inject('vsix') };
  beforeAll(async () => {
    for (const [i, vsix] of (await packageExtensions({ targets: others, folder })).entries()) made[others[i]!] = vsix;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(targets)('%s holds what is on the list and nothing else, its own binary alone, in at most 60 MB', (target) => {
    const [platform = '', arch = ''] = target.split('-');
    const { files, names } = contents(made[target]!);
    const native = binaries[platform];
    expect(names.filter((name) => !allowed.some((pattern) => pattern.test(name)) && !native?.test(name))).toEqual([]);
    // Each line of the list stands for something that is there.
    expect([...allowed, native].filter((pattern) => !names.some((name) => pattern?.test(name)))).toEqual([]);
    for (const bundle of bundles) expect(names).toContain(`extension/dist/${bundle}`);
    const folders = new Set(names.map((name) => /napi-v6\/(\w+\/\w+)\//.exec(name)?.[1]).filter(Boolean));
    expect([...folders]).toEqual([`${platform}/${arch}`]);
    expect(machineOf(files[names.find((name) => name.endsWith('/onnxruntime_binding.node'))!]!)).toBe(target);
    expect(Buffer.from(files['extension.vsixmanifest']!).toString('utf8')).toContain(`TargetPlatform="${target}"`);
    expect(statSync(made[target]!).size).toBeLessThanOrEqual(60 * 2 ** 20);
  });
});

/** What a native module is for, by its own header: ELF, Mach-O or PE. */
function machineOf(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) === 0x7f454c46) return `linux-${{ 62: 'x64', 183: 'arm64' }[view.getUint16(18, true)] ?? 'other'}`;
  if (view.getUint32(0, true) === 0xfeedfacf) return `darwin-${view.getUint32(4, true) === 0x0100000c ? 'arm64' : 'other'}`;
  const header = view.getUint32(0x3c, true);
  return `win32-${{ 0x8664: 'x64', 0xaa64: 'arm64' }[view.getUint16(header + 4, true)] ?? 'other'}`;
}

describe('the package', () => {
  const { files } = contents(inject('vsix'));
  const text = (name: string): string => Buffer.from(files[name] ?? []).toString('utf8');

  it('carries the licence of everything that is in it', () => {
    const notices = text('extension/THIRD-PARTY-NOTICES.md');
    for (const name of ['onnxruntime-node', 'onnxruntime-common', 'yaml', 'chart.js', '@huggingface/tokenizers']) {
      expect(notices).toContain(`## ${name} `);
    }
  });

  it('has a manifest of the extension alone', () => {
    const manifest = JSON.parse(text('extension/package.json')) as Record<string, unknown>;
    expect(Object.keys(manifest)).not.toContain('devDependencies');
    expect(manifest.main).toBe('./dist/extension.cjs');
  });

  it('has a language server that could not reach a network if it wanted to', () => {
    for (const name of ['server', 'tokens']) {
      const bundle = text(`extension/dist/language-${name}.cjs`);
      expect(bundle.length).toBeGreaterThan(100_000);
      expect(bundle).not.toMatch(/require\("(node:)?(https?|http2|tls|dgram|dns)"\)|\bfetch\(/);
    }
  });

  it('names no path of the machine that packed it', () => {
    for (const bundle of bundles) expect(text(`extension/dist/${bundle}`)).not.toContain(process.cwd());
  });
});
