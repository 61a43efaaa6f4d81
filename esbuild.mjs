// Bundles every entry into dist/. `node esbuild.mjs [--production] [--watch] [--only=name,…] [--out=FOLDER] [--metafile=FILE]`; a name
// stands for what it begins, too: `webview` for `webview-controls`.
import { existsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build, context } from 'esbuild';
import { shellValidatorPlugin } from './scripts/shell-validator.mjs';

const production = process.argv.includes('--production');
const watch = process.argv.includes('--watch');
const option = (name) => process.argv.find((a) => a.startsWith(`--${name}=`))?.slice(name.length + 3);
const only = option('only')?.split(',');
const out = option('out') ?? 'dist';
const metafile = option('metafile');

/** The part of the Hub's library that cuts files into chunks for an upload, which nothing here does. */
const withoutUploads = {
  name: 'without-uploads',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@huggingface\/xetchunk-wasm$/ }, ({ path }) => ({ path, namespace: 'without-uploads' }));
    onLoad({ filter: /.*/, namespace: 'without-uploads' }, () => ({ contents: 'module.exports = {};' }));
  },
};

const node = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  external: ['vscode', 'onnxruntime-node'],
  // import.meta.url does not exist in CommonJS; sources use it to find the package.
  define: { 'import.meta.url': '__moduleUrl' },
  banner: { js: "const __moduleUrl=require('node:url').pathToFileURL(__filename).href;" },
  minify: production,
  sourcemap: !production,
  logLevel: 'info',
  plugins: [shellValidatorPlugin, withoutUploads],
};

const page = {
  bundle: true,
  platform: 'browser',
  target: 'es2022',
  format: 'iife',
  loader: { '.css': 'css' },
  minify: production,
  sourcemap: !production,
  logLevel: 'info',
};

const entries = {
  // Nothing in it reads a shell whole, so it needs no validator: activation must stay short.
  extension: { ...node, entryPoints: ['src/editor/extension.ts'], outfile: 'dist/extension.cjs', plugins: [] },
  engine: { ...node, entryPoints: ['src/engine/worker.ts'], outfile: 'dist/engine.cjs' },
  // A thread of the engine that runs a small model's variants beside it.
  lane: { ...node, entryPoints: ['src/engine/lane/worker.ts'], outfile: 'dist/lane.cjs', plugins: [] },
  // The thread that looks after models: what speaks HTTP is no part of the extension's start.
  hub: { ...node, entryPoints: ['src/hub/worker.ts'], outfile: 'dist/hub.cjs' },
  cli: { ...node, entryPoints: ['src/cli/main.ts'], outfile: 'dist/cli.cjs', banner: { js: '#!/usr/bin/env node\n' + node.banner.js } },
  // A thread of the extension: residues and shells are read there, and not in the host that other extensions share.
  residues: { ...node, entryPoints: ['src/editor/residues/worker.ts'], outfile: 'dist/residues.cjs' },
  // Tools for language models, loaded when they are asked for. Compiling a validator would hold the host up for half a second.
  agent: { ...node, entryPoints: ['src/agent/bundle.ts'], outfile: 'dist/agent.cjs' },
  // What the extension does with a shell's text, loaded when it is first asked for.
  shells: { ...node, entryPoints: ['src/shell/bundle.ts'], outfile: 'dist/shells.cjs', plugins: [] },
  // Loaded with the first shell that is opened, so that activation does not read it.
  'language-client': { ...node, entryPoints: ['src/editor/language-client.ts'], outfile: 'dist/language-client.cjs', plugins: [] },
  'language-server': {
    ...node,
    entryPoints: ['src/language/server.ts'],
    outfile: 'dist/language-server.cjs',
    // With the ready-made validator, half of the bundle: compiling one would hold the first finding of a shell back for half a second.
    // The other form of some libraries asks for its parts in a way that no bundler can follow.
    mainFields: ['module', 'main'],
    alias: {
      // JavaScript's printer, words in other languages and requests for schemas: what a shell never needs of yaml-language-server.
      'prettier/plugins/estree': './src/language/nothing.ts',
      'ajv-i18n': './src/language/nothing.ts',
      'request-light': './src/language/nothing.ts',
      '@vscode/l10n': './src/language/plain-words.ts',
    },
  },
  // A thread of the language server.
  'language-tokens': { ...node, entryPoints: ['src/language/tokens-worker.ts'], outfile: 'dist/language-tokens.cjs', plugins: [] },
  library: {
    ...node,
    entryPoints: ['src/index.ts'],
    outfile: 'dist/index.mjs',
    format: 'esm',
    define: {},
    banner: {},
    // Its validator is compiled when first used: the ready-made one would need `require`.
    plugins: [],
    packages: 'external',
  },
  // A module, whose own code a browser compiles while it comes in; that of a function around it waits until it has.
  webview: { ...page, format: 'esm', entryPoints: ['webview/main.ts'], outfile: 'dist/webview.js' },
  // Both loaded after the page's first paint.
  'webview-rest': { ...page, entryPoints: ['webview/rest.ts'], outfile: 'dist/webview-rest.js' },
  'webview-controls': { ...page, entryPoints: ['webview/controls.ts'], outfile: 'dist/webview-controls.js' },
  // What stands in for VS Code around the same page in an HTML report.
  report: { ...page, entryPoints: ['webview/report.ts'], outfile: 'dist/report.js' },
};

const chosen = Object.entries(entries)
  .filter(([name, e]) => (only ? only.some((one) => name === one || name.startsWith(`${one}-`)) : true) && existsSync(e.entryPoints[0]))
  .map(([, e]) => ({ ...e, outfile: join(out, basename(e.outfile)), metafile: metafile !== undefined }));
if (watch) for (const options of chosen) await (await context(options)).watch();
else {
  const results = await Promise.all(chosen.map((options) => build(options)));
  if (metafile) {
    // Only what is in a bundle: parts of packages that nothing uses are read, and left out.
    const inputs = results.flatMap((r) => Object.values(r.metafile.outputs).flatMap((output) => Object.entries(output.inputs)));
    writeFileSync(
      metafile,
      JSON.stringify([...new Set(inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path))]),
    );
  }
}
