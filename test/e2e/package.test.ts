import { readFileSync, statSync } from 'node:fs';
import { unzipSync } from 'fflate';
import { inject, describe, expect, it } from 'vitest';

/** Every file that may be in the package. */
const allowed = [
  /^\[Content_Types\]\.xml$/,
  /^extension\.vsixmanifest$/,
  /^extension\/(package\.json|readme\.md|changelog\.md|LICENSE\.txt|THIRD-PARTY-NOTICES\.md)$/,
  /^extension\/dist\/(extension\.cjs|engine\.cjs|language-(client|server|tokens)\.cjs|webview\.js|webview\.css)$/,
  /^extension\/dist\/node_modules\/onnxruntime-node\/(package\.json|dist\/(backend|binding|index|version)\.js)$/,
  /^extension\/dist\/node_modules\/onnxruntime-common\/(package\.json|dist\/cjs\/[\w-]+\.js|dist\/cjs\/package\.json)$/,
  /^extension\/docs\/(methods|numbers|terms|validity)\.md$/,
  /^extension\/media\/icons\/(icon\.svg|icon\.png|shell-light\.svg|shell-dark\.svg)$/,
  /^extension\/media\/language\/residue-shell\.(tmLanguage|language-configuration)\.json$/,
  /^extension\/media\/schemas\/(comparison|residue|shell)\.schema\.json$/,
  /^extension\/media\/walkthrough\/[\w-]+\.md$/,
  /^extension\/media\/models\/pocket(-small|-gpt2)?\/(README\.md|(config|tokenizer|tokenizer_config)\.json|model\.safetensors)$/,
  /^extension\/shells\/((more|planted)\/)?[\w-]+\.(shell\.yaml|md)$/,
];

const binaries: Record<string, RegExp> = {
  linux: /\/bin\/napi-v6\/linux\/(x64|arm64)\/(onnxruntime_binding\.node|libonnxruntime\.so\.1)$/,
  darwin: /\/bin\/napi-v6\/darwin\/arm64\/(onnxruntime_binding\.node|libonnxruntime\.1\.dylib)$/,
  win32: /\/bin\/napi-v6\/win32\/(x64|arm64)\/(onnxruntime_binding\.node|\w+\.dll)$/,
};

describe('the package', () => {
  const vsix = inject('vsix');
  const files = unzipSync(readFileSync(vsix));
  const names = Object.keys(files).filter((name) => !name.endsWith('/'));
  const text = (name: string): string => Buffer.from(files[name] ?? []).toString('utf8');

  it('holds what is on the list and nothing else', () => {
    const native = binaries[process.platform];
    const others = names.filter((name) => !allowed.some((pattern) => pattern.test(name)) && !native?.test(name));
    expect(others).toEqual([]);
    // Each line of the list stands for something that is there.
    const unmatched = [...allowed, native].filter((pattern) => !names.some((name) => pattern?.test(name)));
    expect(unmatched).toEqual([]);
  });

  it('has one platform’s binaries and says which', () => {
    const folders = new Set(names.map((name) => /napi-v6\/(\w+\/\w+)\//.exec(name)?.[1]).filter(Boolean));
    expect([...folders]).toEqual([`${process.platform}/${process.arch}`]);
    expect(text('extension.vsixmanifest')).toContain(`TargetPlatform="${process.platform}-${process.arch}"`);
  });

  it('is at most 60 MB', () => {
    expect(statSync(vsix).size).toBeLessThanOrEqual(60 * 2 ** 20);
  });

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

  it('names no path of the machine that packed it', () => {
    const bundles = ['extension/dist/extension.cjs', 'extension/dist/engine.cjs', 'extension/dist/cli.cjs', 'extension/dist/webview.js'];
    bundles.push('extension/dist/language-client.cjs', 'extension/dist/language-server.cjs', 'extension/dist/language-tokens.cjs');
    for (const bundle of bundles) expect(text(bundle)).not.toContain(process.cwd());
  });
});
