import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseResidue } from '../../src/residue/read.js';
import { cli } from '../helpers/cli.js';
import { readNpz, type NpyArray } from '../helpers/npz.js';
import { FAMILIES, loadReference, referencePath, temporaryFolder, type Reference } from '../helpers/reference.js';

const TOLERANCE = 1e-4;

/** Largest |a − b| / (1 + |b|); entries that are −inf must be −inf in both. */
function distance(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const [a, b] = [got[i] ?? NaN, want[i] ?? NaN];
    const d = a === b ? 0 : Math.abs(a - b) / (1 + Math.abs(b));
    if (!(d <= worst)) worst = Number.isNaN(d) ? Infinity : d;
  }
  return worst;
}

function floats(array: NpyArray | undefined, name: string): Float32Array {
  if (!array) throw new Error(`The .npz has no array ${name}.`);
  if (!(array.data instanceof Float32Array)) throw new Error(`${name} is not float32.`);
  return array.data;
}

/** A shell of token ids, as one would write it to compare with another tool. */
function tokenShell({ json }: Reference, stem: string): string {
  const prompt = ({ ids, span }: Reference['json']['prompts']['probe']) => JSON.stringify({ tokens: ids, spans: { fact: span } });
  const { probe, control } = json.prompts;
  return `format: 1
shell: ${stem}
family: memory
prompt: ${prompt(probe)}
control: ${prompt(control)}
answer: {tokens: [${probe.answer}]}
rivals: [${probe.rivals.map((id) => `{tokens: [${id}]}`).join(', ')}]
run: [{ ANCHOR: { span: fact } }]
`;
}

describe('run --npz on token ids, against PyTorch', () => {
  it.each([...FAMILIES, 'stories260K'])('%s: every hook of the reference, under its name and layout', async (family) => {
    const reference = loadReference(family);
    const folder = temporaryFolder();
    const file = join(folder, 'ids.shell.yaml');
    writeFileSync(file, tokenShell(reference, 'ids'));
    const ended = await cli(['run', file, '--model', referencePath(family), '--npz', join(folder, 'npz'), '--json']);
    expect(ended.stderr.split('\n').filter((line) => line.startsWith('wrote'))).toHaveLength(2);
    expect(ended.code, ended.stderr).toBe(0);
    const residue = parseResidue(ended.stdout);
    for (const which of ['probe', 'control'] as const) {
      const arrays = readNpz(join(folder, 'npz', `${which}.npz`));
      const { ids, answer, rivals } = reference.json.prompts[which];
      expect(arrays.get('tokens')).toMatchObject({ shape: [ids.length], descr: '<i8' });
      expect(Array.from(arrays.get('tokens')?.data ?? [], Number)).toEqual(ids);
      const hooks = reference.names
        .filter((name) => name.startsWith(`${which}/`))
        .map((name) => name.slice(which.length + 1))
        .filter((name) => /^(hook_|blocks\.|ln_final\.hook_(scale|normalized))|^(final_logprobs|lens\.logprobs)$/.test(name));
      expect(hooks.length).toBeGreaterThan(40);
      for (const name of hooks) {
        const want = reference.arrays(`${which}/${name}`);
        expect(arrays.get(name)?.shape, name).toEqual([...want.shape]);
        expect(distance(floats(arrays.get(name), name), want.data), name).toBeLessThanOrEqual(TOLERANCE);
      }
      const logits = reference.arrays(`${which}/logits`);
      const vocab = logits.shape[1] ?? 0;
      expect(arrays.get('final_logits')?.shape).toEqual([vocab]);
      expect(distance(floats(arrays.get('final_logits'), 'final_logits'), logits.data.subarray(-vocab))).toBeLessThanOrEqual(TOLERANCE);
      // The same numbers are in the residue: margin by layer, and attribution where its rival is the reference's.
      const run = which === 'probe' ? residue.runs[0] : residue.control;
      const probe = reference.json.prompts.probe;
      if (answer === probe.answer && rivals.join() === probe.rivals.join()) {
        expect(distance(run?.lens?.margin ?? [], reference.arrays(`${which}/lens.margin`).data)).toBeLessThanOrEqual(TOLERANCE);
      }
    }
    const attribution = residue.runs[0]?.attribution;
    if (attribution && attribution.rival?.id === reference.json.prompts.probe.rivals[0]) {
      expect(distance(attribution.head.flat(), reference.arrays('probe/dla.head').data)).toBeLessThanOrEqual(TOLERANCE);
      expect(distance(attribution.mlp, reference.arrays('probe/dla.mlp').data)).toBeLessThanOrEqual(TOLERANCE);
    }
    expect(residue.checks.every((check) => check.passed)).toBe(true);
  });

  it('names the files of a varied shell by their dose, one folder per shell for several', async () => {
    const folder = temporaryFolder();
    const shell = (name: string) =>
      `format: 1\nshell: ${name}\nfamily: memory\nprompt: "Tom has a [[fact|red]] ball. {{walk}}Tom's ball is"\nanswer: " red"\nvary:\n  walk: {repeat: "It is a quiet day. ", times: [0, 2]}\n`;
    writeFileSync(join(folder, 'a.shell.yaml'), shell('a'));
    writeFileSync(join(folder, 'b.shell.yaml'), shell('b'));
    const ended = await cli(['run', folder, '--npz', join(folder, 'npz'), '--json']);
    expect(ended.code, ended.stderr).toBe(0);
    expect(readdirSync(join(folder, 'npz')).sort()).toEqual(['a', 'b']);
    expect(readdirSync(join(folder, 'npz', 'a')).sort()).toEqual(['probe.walk=0.npz', 'probe.walk=2.npz']);
    expect(
      readFileSync(join(folder, 'npz', 'a', 'probe.walk=0.npz')).equals(readFileSync(join(folder, 'npz', 'b', 'probe.walk=0.npz'))),
    ).toBe(true);
  });
});
