import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { npyHeader, npzName, writeNpz, type NpzArray } from '../../src/residue/npz.js';
import { parseResidue, readResidue } from '../../src/residue/read.js';
import { refuseUnwritable, serializeResidue, writeFileAtomic, writeResidue } from '../../src/residue/write.js';
import { readNpz } from '../helpers/npz.js';
import { residueFixture } from './residue-fixture.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'residue-files-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('writing a residue', () => {
  it('comes back as it was, in the same bytes, whatever the order of its properties', () => {
    const path = join(folder, 'deep/er/a.residue.json');
    const residue = residueFixture();
    writeResidue(path, residue);
    const shuffled = Object.fromEntries(Object.entries(residueFixture()).reverse()) as unknown as typeof residue;
    expect(serializeResidue(shuffled)).toBe(readFileSync(path, 'utf8'));
    expect(readResidue(path).shell).toEqual(residue.shell);
    expect(Object.keys(readResidue(path)).slice(0, 3)).toEqual(['$schema', 'format', 'status']);
    expect(readdirSync(join(folder, 'deep/er'))).toEqual(['a.residue.json']);
  });

  it('rounds what was measured to 6 significant digits and keeps what was written', () => {
    const { runs, provenance, shell } = parseResidue(serializeResidue(residueFixture()));
    expect(runs[1]?.scores?.entropy).toBe(1.23457);
    expect(runs[1]?.attention?.meanByToken[0]).toBe(0.0144928);
    expect(provenance.settings.tau).toBe(0.123456789);
    expect(provenance.model.parameters).toBe(1_297_280);
    expect(provenance.model.files[0]?.bytes).toBe(2_600_123);
    expect(shell.run[0]?.params.rate).toBe(0.123456789);
    expect(runs[1]?.commands?.[0]?.params.rate).toBe(0.123456789);
  });

  it('names the place of a number that JSON cannot express', () => {
    const residue = residueFixture();
    const lens = residue.runs[0]?.lens;
    if (!lens) throw new Error('The fixture has a lens.');
    lens.margin[1] = NaN;
    expect(() => serializeResidue(residue)).toThrow('NaN at runs[0].lens.margin[1]');
  });

  it('keeps names that JavaScript treats specially', () => {
    const spans = JSON.parse('{"__proto__": [1, 2], "constructor": [2, 3]}') as Record<string, [number, number]>;
    const residue = residueFixture();
    residue.runs = residue.runs.map((run) => ({ ...run, spans }));
    const back = parseResidue(serializeResidue(residue));
    expect(Object.entries(back.runs[0]?.spans ?? {})).toEqual([
      ['__proto__', [1, 2]],
      ['constructor', [2, 3]],
    ]);
  });

  it('leaves the old file and nothing else when it cannot write', () => {
    const path = join(folder, 'taken');
    mkdirSync(join(path, 'inside'), { recursive: true });
    expect(() => writeFileAtomic(path, 'x')).toThrow(InputError);
    expect(() => writeFileAtomic(join(folder, 'deep/er/a.residue.json/b'), 'x')).toThrow(/part of the path is a file|in the way/);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    if (process.getuid?.() !== 0) {
      chmodSync(path, 0o500);
      expect(() => writeFileAtomic(join(path, 'y'), 'x')).toThrow(/permission is denied/);
      chmodSync(path, 0o700);
    }
  });
});

describe('the place of a result', () => {
  const made = (name: string): string => {
    const path = join(folder, name);
    mkdirSync(path);
    return path;
  };

  it('keeps a link and writes the file that it leads to', () => {
    const at = made('linked');
    writeFileSync(join(at, 'real.json'), 'old');
    symlinkSync('real.json', join(at, 'link.json'));
    writeFileAtomic(join(at, 'link.json'), 'new');
    expect(lstatSync(join(at, 'link.json')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(at, 'real.json'), 'utf8')).toBe('new');
    expect(readdirSync(at).sort()).toEqual(['link.json', 'real.json']);
  });

  it.skipIf(process.platform === 'win32')('is written to where it is no file, and stays what it is', () => {
    const at = made('pipes');
    const pipe = join(at, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'ignore'] });
    const said = new Promise<string>((resolve) => {
      let text = '';
      reader.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      reader.on('close', () => resolve(text));
    });
    refuseUnwritable(pipe);
    writeFileAtomic(pipe, 'through');
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    return expect(said).resolves.toBe('through');
  });

  it('is tried before there is anything to write, and nothing is left of the trial', () => {
    const at = made('trial');
    writeFileSync(join(at, 'file'), 'kept');
    refuseUnwritable(join(at, 'file'));
    refuseUnwritable(join(at, 'a/b/c.json'));
    expect(readdirSync(at)).toEqual(['file']);
    expect(readFileSync(join(at, 'file'), 'utf8')).toBe('kept');
    expect(() => refuseUnwritable(at)).toThrow(/cannot be written: it is a folder; choose another place/);
    expect(() => refuseUnwritable(join(at, 'file/x/y'))).toThrow(/a part of the path is a file/);
    if (process.platform === 'linux') expect(() => refuseUnwritable('/proc/none/x')).toThrow(/nothing can be made there/);
  });
});

describe('reading a residue', () => {
  it('tells a missing, a broken and a wrong file apart, in one sentence each', () => {
    const path = join(folder, 'broken.json');
    expect(() => readResidue(join(folder, 'none.json'))).toThrow(/no such file/);
    writeFileSync(path, '{"format": 1, ');
    expect(() => readResidue(path)).toThrow(/not JSON/);
    writeFileSync(path, '{"format": 1}');
    expect(() => readResidue(path)).toThrow(/lacks the property/);
  });

  it('survives any mutation of a real file: a residue or an InputError', () => {
    const text = serializeResidue(residueFixture());
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.nat(40), fc.string({ maxLength: 8 }), (at, cut, insert) => {
        try {
          parseResidue(text.slice(0, at) + insert + text.slice(at + cut));
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as Error).message).not.toContain('\n');
        }
      }),
      { seed: 3, numRuns: 600 },
    );
  });
});

const arrays = (): Map<string, NpzArray> =>
  new Map<string, NpzArray>([
    ['tokens', { data: BigInt64Array.from([0n, 713n, -1n]), shape: [3] }],
    ['blocks.0.attn.hook_attn_scores', { data: Float32Array.from([1, -Infinity, 0.5, 2, NaN, 2 ** -130]), shape: [1, 2, 3] }],
    ['ln_final.hook_scale', { data: Float32Array.from([1.5]), shape: [] }],
    ['empty', { data: new Float32Array(0), shape: [0, 4] }],
    // A view into a larger buffer, at an offset that is not 0.
    ['view', { data: new Float32Array(Float32Array.from([9, 8, 7, 6]).buffer, 4, 2), shape: [2, 1] }],
  ]);

describe('.npz', () => {
  it.each([false, true])('is read back by an independent reader (deflated: %s)', (compress) => {
    const path = join(folder, `a-${compress}.npz`);
    writeNpz(path, arrays(), { compress });
    const back = readNpz(path);
    expect([...back.keys()]).toEqual([...arrays().keys()]);
    for (const [name, array] of arrays()) {
      expect(back.get(name)).toEqual({
        data: array.data,
        shape: [...array.shape],
        descr: array.data instanceof Float32Array ? '<f4' : '<i8',
      });
    }
  });

  it('gives the same bytes for the same arrays, leaves nothing behind', () => {
    const [a, b] = [join(folder, 'same/1.npz'), join(folder, 'same/2.npz')];
    writeNpz(a, arrays());
    writeNpz(b, arrays());
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
    expect(readdirSync(join(folder, 'same'))).toEqual(['1.npz', '2.npz']);
  });

  // Without numpy on the machine the independent reader above is what holds the format.
  const hasNumpy = spawnSync('python3', ['-c', 'import numpy']).status === 0;
  if (hasNumpy)
    it('is opened by numpy', () => {
      const path = join(folder, 'numpy.npz');
      writeNpz(path, arrays());
      const script = `import numpy as np, sys
a = np.load(sys.argv[1], allow_pickle=False)
print({k: (str(a[k].dtype), a[k].shape, a[k].tolist()) for k in a.files})`;
      expect(execFileSync('python3', ['-c', script, path], { encoding: 'utf8' }).trim()).toBe(
        "{'tokens': ('int64', (3,), [0, 713, -1]), 'blocks.0.attn.hook_attn_scores': ('float32', (1, 2, 3), [[[1.0, -inf, 0.5], [2.0, nan, 7.346839692639297e-40]]]), " +
          "'ln_final.hook_scale': ('float32', (), 1.5), 'empty': ('float32', (0, 4), []), 'view': ('float32', (2, 1), [[8.0], [7.0]])}",
      );
    });

  it('refuses what a plain ZIP cannot hold before it writes a byte', () => {
    const path = join(folder, 'huge.npz');
    const huge = { data: Object.create(Float32Array.prototype, { byteLength: { value: 2 ** 32 } }) as Float32Array, shape: [2 ** 30] };
    expect(() => writeNpz(path, new Map([['x', huge]]))).toThrow(/at most 4 GiB/);
    expect(readdirSync(folder)).not.toContain('huge.npz');
  });

  it('refuses a shape that is not the length of the data', () => {
    expect(() => npyHeader({ data: new Float32Array(5), shape: [2, 3] })).toThrow(/does not hold 5/);
  });

  it('makes a file name of any run name, never a path', () => {
    expect(npzName('probe.walk=40')).toBe('probe.walk=40.npz');
    expect(npzName('probe.dir=../../etc')).toBe('probe.dir=..%2F..%2Fetc.npz');
    expect(npzName('probe.a=ä\u0000')).toBe('probe.a=%C3%A4%00.npz');
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => {
        const file = npzName(`probe.x=${name}`);
        expect(file).toMatch(/^[\w.=+,@ %~-]+\.npz$/);
        expect(file.length).toBeLessThan(220);
      }),
      { seed: 5, numRuns: 200 },
    );
    expect(npzName(`probe.x=${'a'.repeat(500)}`)).not.toBe(npzName(`probe.x=${'a'.repeat(501)}`));
  });
});
