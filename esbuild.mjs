// Bundles every entry into dist/. `node esbuild.mjs [--production] [--watch] [--only=name,…]`
import { existsSync } from 'node:fs';
import { build, context } from 'esbuild';

const production = process.argv.includes('--production');
const watch = process.argv.includes('--watch');
const only = process.argv
  .find((a) => a.startsWith('--only='))
  ?.slice(7)
  .split(',');

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
};

const entries = {
  extension: { ...node, entryPoints: ['src/editor/extension.ts'], outfile: 'dist/extension.cjs' },
  engine: { ...node, entryPoints: ['src/engine/worker.ts'], outfile: 'dist/engine.cjs' },
  cli: { ...node, entryPoints: ['src/cli/main.ts'], outfile: 'dist/cli.cjs', banner: { js: '#!/usr/bin/env node\n' + node.banner.js } },
  library: {
    ...node,
    entryPoints: ['src/index.ts'],
    outfile: 'dist/index.mjs',
    format: 'esm',
    define: {},
    banner: {},
    packages: 'external',
  },
  webview: {
    bundle: true,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    entryPoints: ['webview/main.ts'],
    outfile: 'dist/webview.js',
    loader: { '.css': 'css' },
    minify: production,
    sourcemap: !production,
    logLevel: 'info',
  },
};

const chosen = Object.entries(entries).filter(([name, e]) => (only ? only.includes(name) : true) && existsSync(e.entryPoints[0]));
if (watch) for (const [, options] of chosen) await (await context(options)).watch();
else await Promise.all(chosen.map(([, options]) => build(options)));
