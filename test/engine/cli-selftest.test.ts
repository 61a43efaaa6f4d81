import { expect, it } from 'vitest';
import { PLANTED_KINDS } from '../../src/planted/kinds.js';
import { cli } from '../helpers/cli.js';

interface Result {
  passed: boolean;
  seconds: number;
  models: { model: string; right: boolean; identityChecks: { made: number; failed: string[] } }[];
  notReached: string[];
}

it('residue selftest finds what it planted, in this installation', async () => {
  const { code, stdout, stderr } = await cli(['selftest', '--json', '--threads', '1']);
  expect(code, stderr).toBe(0);
  const { passed, models, notReached } = JSON.parse(stdout) as Result;
  expect(passed).toBe(true);
  expect(models.length).toBeGreaterThan(0);
  for (const { right, identityChecks } of models) expect({ right, ...identityChecks }).toEqual({ right: true, made: 8, failed: [] });
  expect(models.length).toBeGreaterThanOrEqual(PLANTED_KINDS.length - notReached.length);
  expect(stderr).toContain('self-test: a model with none planted');
});

it.each([
  [['selftest', '--provider', 'abacus'], /abacus/],
  [['selftest', 'all'], /too many arguments/],
  [['selftest', '--threads', '0'], /whole number from 1 to 256/],
])('%j ends with 2 and a sentence', async (args, sentence) => {
  const { code, stdout, stderr } = await cli(args);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(sentence);
});
