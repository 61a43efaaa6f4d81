import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { checkResidue } from '../../src/residue/read.js';
import { RESIDUE_SCHEMA_ID, residueSchema, type Schema } from '../../src/residue/schema.js';
import type { Residue } from '../../src/residue/types.js';
import { residueFixture, runTrace } from './residue-fixture.js';

const ajv = new Ajv2020({ strict: true, strictTypes: false, strictTuples: true, allErrors: true, formats: { 'date-time': true } });
const validate = ajv.compile(residueSchema);

/** Property names of every interface of types.ts and of the files of types it imports, with whether they are optional; nested literals under dotted names. */
function declared(): Map<string, Map<string, boolean>> {
  const folder = join(packageRoot(), 'src/residue');
  const sourceOf = (file: string) => ts.createSourceFile(file, readFileSync(join(folder, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const main = sourceOf('types.ts');
  const parts = main.statements
    .filter(ts.isImportDeclaration)
    .map((statement) => sourceOf((statement.moduleSpecifier as ts.StringLiteral).text.replace(/^\.\/(.*)\.js$/, '$1.ts')));
  const found = new Map<string, Map<string, boolean>>();
  const visit = (name: string, members: ts.NodeArray<ts.TypeElement>): void => {
    const own = new Map<string, boolean>();
    found.set(name, own);
    for (const member of members) {
      if (!ts.isPropertySignature(member) || !member.type) continue;
      const key = (member.name as ts.Identifier).text;
      own.set(key, member.questionToken !== undefined);
      const literals: ts.TypeLiteralNode[] = [];
      const search = (node: ts.Node): void => (ts.isTypeLiteralNode(node) ? void literals.push(node) : ts.forEachChild(node, search));
      search(member.type);
      for (const literal of literals) visit(`${name}.${key}`, literal.members);
    }
  };
  for (const source of [main, ...parts])
    source.forEachChild((node) => ts.isInterfaceDeclaration(node) && visit(node.name.text, node.members));
  return found;
}

/** The same of the schema. */
function described(): Map<string, Map<string, boolean>> {
  const found = new Map<string, Map<string, boolean>>();
  const visit = (name: string, schema: Schema): void => {
    if (schema.properties) {
      found.set(name, new Map(Object.keys(schema.properties).map((key) => [key, !schema.required?.includes(key)])));
      for (const [key, value] of Object.entries(schema.properties)) visit(`${name}.${key}`, value);
      expect(schema.additionalProperties, name).toBe(false);
    }
    for (const inner of [schema.items, schema.additionalProperties, ...(schema.anyOf ?? [])])
      if (typeof inner === 'object') visit(name, inner);
  };
  for (const [name, schema] of Object.entries(residueSchema.$defs ?? {})) visit(name, schema);
  visit('Residue', { ...residueSchema, $defs: {} });
  return found;
}

describe('residue schema', () => {
  it('is a strict draft 2020-12 schema that the published file equals', () => {
    expect(ajv.validateSchema(residueSchema)).toBe(true);
    const published: unknown = JSON.parse(readFileSync(join(packageRoot(), 'media/schemas/residue.schema.json'), 'utf8'));
    expect(published).toEqual(JSON.parse(JSON.stringify(residueSchema)));
    expect(residueSchema.$id).toBe(RESIDUE_SCHEMA_ID);
  });

  it('has exactly the properties of the TypeScript types, required where they are', () => {
    const want = declared();
    const got = described();
    const asObject = (m: Map<string, Map<string, boolean>>) =>
      Object.fromEntries([...m].sort().map(([k, v]) => [k, Object.fromEntries([...v].sort())]));
    expect(asObject(got)).toEqual(asObject(want));
    expect(got.size).toBeGreaterThan(25);
  });

  it('takes a complete residue and one that was cancelled before anything was measured', () => {
    expect(validate(residueFixture()), JSON.stringify(validate.errors)).toBe(true);
    const { verdict: _v, density: _d, ...rest } = residueFixture();
    const bare: Residue = { ...rest, status: 'cancelled', cancelledAt: 'loading', runs: [], primary: 0, control: null, paraphrases: [] };
    expect(checkResidue(bare)).toBe(bare);
  });

  it.each<[string, (r: Residue) => unknown, RegExp]>([
    ['an unknown property', (r) => ({ ...r, surplus: 1 }), /unknown property "surplus"/],
    ['a missing section', ({ shell: _s, ...r }) => r, /lacks the property "shell"/],
    ['another format', (r) => ({ ...r, format: 2 }), /format must be 1/],
    ['a wrong status', (r) => ({ ...r, status: 'done' }), /status must be one of/],
    ['a share over 1', (r) => ({ ...r, density: { ...r.density, share: 1.5 } }), /density\.share must be <= 1/],
    ['a hash of the wrong length', (r) => ({ ...r, shell: { ...r.shell, sha256: 'abc' } }), /shell\.sha256 must match pattern/],
    ['a date that is none', (r) => ({ ...r, created: 'yesterday' }), /created must match format/],
    ['a primary outside the runs', (r) => ({ ...r, primary: 2 }), /primary is 2, but there are 2 runs/],
    ['no runs', (r) => ({ ...r, runs: [] }), /at least one run/],
    [
      'a span outside the tokens',
      (r) => ({ ...r, runs: [runTrace({ spans: { fact: [4, 400] } })], primary: 0 }),
      /runs\[0\]\.spans\.fact is \[4, 400\]/,
    ],
    [
      'a lens with a row too few',
      (r) => ({ ...r, control: runTrace({ lens: { ...(runTrace().lens as NonNullable<(typeof r.runs)[0]['lens']>), margin: [1] } }) }),
      /control\.lens\.margin has 1 entries, not 3/,
    ],
    ['a position beyond the prompt', (r) => ({ ...r, paraphrases: [runTrace({ position: 69 })] }), /paraphrases\[0\]\.position is 69/],
    ['null', () => null, /must be object/],
    ['an array', () => [], /must be object/],
  ])('refuses %s in one sentence', (_name, make, message) => {
    expect(() => checkResidue(make(residueFixture()), 'r.json')).toThrowError(message);
    try {
      checkResidue(make(residueFixture()), 'r.json');
    } catch (error) {
      expect((error as Error).name).toBe('InputError');
      expect((error as Error).message).toMatch(/^[^\n]+\.$/);
    }
  });
});
