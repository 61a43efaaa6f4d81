// The validator of shells, compiled at build time: CommonJS text that exports `precompiled` (src/shell/precompiled.ts).
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRequire } from 'node:module';
import { build } from 'esbuild';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const require = createRequire(import.meta.url);

let text;

/** Made once per process. */
export function shellValidatorSource() {
  return (text ??= make());
}

async function make() {
  const entry = `export { shellSchema } from './src/shell/published.ts';
export { shellAjv } from './src/shell/schema.ts';
export { default as standalone } from 'ajv/dist/standalone/index.js';`;
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: root },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['onnxruntime-node'],
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, 'src', 'shell', 'schema.ts')).href) },
    write: false,
    logLevel: 'error',
  });
  const module = { exports: {} };
  new Function('module', 'exports', 'require', outputFiles[0].text)(module, module.exports, require);
  const { shellSchema, shellAjv, standalone } = module.exports;
  const ajv = shellAjv({ source: true, optimize: true });
  const make = typeof standalone === 'function' ? standalone : standalone.default;
  return `${make(ajv, ajv.compile(shellSchema()))}\nmodule.exports = { precompiled: module.exports };\n`;
}

/** Puts the compiled validator in place of src/shell/precompiled.ts. */
export const shellValidatorPlugin = {
  name: 'shell-validator',
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/]shell[\\/]precompiled\.ts$/ }, async () => ({
      // As a module: the package is one of modules, in which esbuild does not look for what `module.exports` is set to.
      contents: `const module = { exports: {} };\n${await shellValidatorSource()}\nexport const { precompiled } = module.exports;`,
      loader: 'js',
      resolveDir: root,
    }));
  },
};
