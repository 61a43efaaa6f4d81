import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { widen } from '../../src/model/dequant.js';
import { BLOCKS, isStoredDtype } from '../../src/model/dtypes.js';
import { parseSafetensors, referencePath } from '../helpers/reference.js';

const tensors = parseSafetensors(readFileSync(referencePath('dequant', 'dequant.safetensors')));
const types = [...new Set([...tensors.keys()].map((name) => name.split('.')[0]!))];

describe('widening and dequantising', () => {
  it('is tested for every stored type but F32', () => {
    expect([...types, 'F32'].sort()).toEqual(Object.keys(BLOCKS).sort());
  });

  it.each(types)("gives ggml's values for blocks of %s", (type) => {
    if (!isStoredDtype(type)) throw new Error(type);
    const raw = tensors.get(`${type}.raw`)!;
    const want = new Float32Array(Uint8Array.from(tensors.get(`${type}.values`)!.bytes).buffer);
    const got = widen(type, raw.bytes);
    expect(got.length).toBe(want.length);
    for (let i = 0; i < want.length; i++) {
      if (!(Math.abs(got[i]! - want[i]!) <= 1e-6 * Math.abs(want[i]!)) && !Object.is(got[i], want[i])) {
        throw new Error(`${type}[${i}] is ${got[i]}, not ${want[i]}`);
      }
    }
  });

  it('copies F32, whatever the alignment of the bytes', () => {
    const values = Float32Array.of(1.5, -0, 3e-39, Infinity);
    const shifted = new Uint8Array(17);
    shifted.set(new Uint8Array(values.buffer), 1);
    expect([...widen('F32', shifted.subarray(1))]).toEqual([...values]);
  });

  it('refuses part of a block', () => {
    expect(() => widen('Q4_0', new Uint8Array(17))).toThrow('whole blocks');
  });
});
