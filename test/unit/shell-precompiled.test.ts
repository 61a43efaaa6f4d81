import { createRequire } from 'node:module';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/commands/table.js';
import { packageRoot } from '../../src/paths.js';
import { precompiled as fromSource } from '../../src/shell/precompiled.js';
import { shellValidator } from '../../src/shell/schema.js';

type Validate = NonNullable<Parameters<typeof shellValidator>[1]>;

async function made(): Promise<Validate> {
  const path = join(packageRoot(), 'scripts', 'shell-validator.mjs');
  const { shellValidatorSource } = (await import(path)) as { shellValidatorSource(): Promise<string> };
  const module: { exports: { precompiled?: Validate } } = { exports: {} };
  const evaluate = new Function('module', 'require', await shellValidatorSource()) as (m: typeof module, r: NodeJS.Require) => void;
  evaluate(module, createRequire(import.meta.url));
  return module.exports.precompiled!;
}

describe('the validator that is compiled at build time', () => {
  it('finds the same errors, with the same parts of the schema, as the one compiled on first use', async () => {
    expect(fromSource).toBeNull();
    const built = shellValidator([...COMMANDS], await made());
    const { validate } = shellValidator(COMMANDS);
    const folder = join(packageRoot(), 'shells');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.shell.yaml'));
    const good = files.map((name) => parse(readFileSync(join(folder, name), 'utf8')) as Record<string, unknown>);
    const wrong: unknown[] = [null, 7, [], {}, { format: 2 }, ...good.flatMap(mutations)];
    for (const shell of good) expect(built.validate(shell)).toEqual([]);
    let errors = 0;
    for (const shell of wrong) {
      const expected = validate(shell);
      expect(built.validate(shell)).toEqual(expected);
      errors += expected.length;
    }
    expect(errors).toBeGreaterThan(60);
  });

  it('is what the bundles have in place of the source', async () => {
    const { shellValidatorPlugin } = (await import(join(packageRoot(), 'scripts', 'shell-validator.mjs'))) as {
      shellValidatorPlugin: Plugin;
    };
    const { outputFiles } = await build({
      stdin: { contents: "export { precompiled } from './src/shell/precompiled.ts';", resolveDir: packageRoot() },
      ...{ bundle: true, platform: 'node', format: 'cjs', write: false, logLevel: 'error', plugins: [shellValidatorPlugin] },
    });
    const module: { exports: { precompiled?: Validate } } = { exports: {} };
    const evaluate = new Function('module', 'require', outputFiles[0]!.text) as (m: typeof module, r: NodeJS.Require) => void;
    evaluate(module, createRequire(import.meta.url));
    expect(module.exports.precompiled!({})).toBe(false);
    expect(module.exports.precompiled!.errors!.length).toBeGreaterThan(0);
  });
});

/** Each field of a shell left out, of another type, and with a neighbour that nobody knows. */
function mutations(shell: Record<string, unknown>): unknown[] {
  return Object.keys(shell)
    .flatMap((key): unknown[] => {
      const { [key]: _, ...without } = shell;
      return [without, { ...shell, [key]: 1.5 }, { ...shell, [key]: [{ nonsense: true }] }, { ...shell, [`${key}s`]: shell[key] }];
    })
    .concat(COMMANDS.map(({ name }) => ({ ...shell, run: [{ [name]: { span: 3, nonsense: true } }, { [name]: 'none' }] })));
}
