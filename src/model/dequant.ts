import { BLOCKS } from './dtypes.js';
import type { StoredDtype } from './weights.js';

/**
 * Values of `bytes`, stored as `dtype`, as float32. Block layouts and arithmetic are ggml's scalar ones (ggml-quants.c,
 * `dequantize_row_*`). `bytes` is a whole number of blocks.
 */
export function widen(dtype: StoredDtype, bytes: Uint8Array): Float32Array {
  const block = BLOCKS[dtype];
  const blocks = bytes.length / block.bytes;
  if (!Number.isInteger(blocks)) throw new Error(`${bytes.length} bytes are not whole blocks of ${dtype}.`);
  const out = new Float32Array(blocks * block.values);
  DECODE[dtype](bytes, out, blocks);
  return out;
}

type Decode = (bytes: Uint8Array, out: Float32Array, blocks: number) => void;

let halves: Float32Array | undefined;

/** float32 of each of the 65,536 binary16 patterns. */
function halfTable(): Float32Array {
  if (halves) return halves;
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    table[bits] =
      exponent === 31
        ? fraction === 0
          ? sign * Infinity
          : NaN
        : exponent === 0
          ? sign * fraction * 2 ** -24
          : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return (halves = table);
}

function u16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

const f32: Decode = (bytes, out) => {
  new Uint8Array(out.buffer).set(bytes);
};

const f16: Decode = (bytes, out) => {
  const half = halfTable();
  for (let i = 0; i < out.length; i++) out[i] = half[u16(bytes, 2 * i)]!;
};

const bf16: Decode = (bytes, out) => {
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < bits.length; i++) bits[i] = u16(bytes, 2 * i) << 16;
};

/** d, then 16 bytes: low nibbles are values 0…15, high ones 16…31; minus 8. */
const q4_0: Decode = (bytes, out, blocks) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0; b < blocks; b++, at += 18, to += 32) {
    const d = half[u16(bytes, at)]!;
    for (let j = 0; j < 16; j++) {
      const q = bytes[at + 2 + j]!;
      out[to + j] = ((q & 15) - 8) * d;
      out[to + j + 16] = ((q >> 4) - 8) * d;
    }
  }
};

/** d, m, then nibbles as in Q4_0. */
const q4_1: Decode = (bytes, out, blocks) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0; b < blocks; b++, at += 20, to += 32) {
    const d = half[u16(bytes, at)]!;
    const m = half[u16(bytes, at + 2)]!;
    for (let j = 0; j < 16; j++) {
      const q = bytes[at + 4 + j]!;
      out[to + j] = (q & 15) * d + m;
      out[to + j + 16] = (q >> 4) * d + m;
    }
  }
};

/** d, 32 fifth bits, then nibbles; minus 16. */
const q5_0: Decode = (bytes, out, blocks) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0; b < blocks; b++, at += 22, to += 32) {
    const d = half[u16(bytes, at)]!;
    const low = u16(bytes, at + 2);
    const high = u16(bytes, at + 4);
    for (let j = 0; j < 16; j++) {
      const q = bytes[at + 6 + j]!;
      out[to + j] = (((q & 15) | (((low >> j) & 1) << 4)) - 16) * d;
      out[to + j + 16] = (((q >> 4) | (((high >> j) & 1) << 4)) - 16) * d;
    }
  }
};

/** d, m, 32 fifth bits, then nibbles. */
const q5_1: Decode = (bytes, out, blocks) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0; b < blocks; b++, at += 24, to += 32) {
    const d = half[u16(bytes, at)]!;
    const m = half[u16(bytes, at + 2)]!;
    const low = u16(bytes, at + 4);
    const high = u16(bytes, at + 6);
    for (let j = 0; j < 16; j++) {
      const q = bytes[at + 8 + j]!;
      out[to + j] = ((q & 15) | (((low >> j) & 1) << 4)) * d + m;
      out[to + j + 16] = ((q >> 4) | (((high >> j) & 1) << 4)) * d + m;
    }
  }
};

/** d, then 32 signed bytes. */
const q8_0: Decode = (bytes, out, blocks) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0; b < blocks; b++, at += 34, to += 32) {
    const d = half[u16(bytes, at)]!;
    for (let j = 0; j < 32; j++) out[to + j] = ((bytes[at + 2 + j]! << 24) >> 24) * d;
  }
};

/** 16 bytes of (scale, min) nibbles, 64 bytes of 2-bit values, d, dmin. */
const q2_k: Decode = (bytes, out, blocks) => {
  const half = halfTable();
  let to = 0;
  for (let b = 0, at = 0; b < blocks; b++, at += 84) {
    const d = half[u16(bytes, at + 80)]!;
    const dmin = half[u16(bytes, at + 82)]!;
    let is = at;
    for (let q = at + 16; q < at + 80; q += 32) {
      for (let shift = 0; shift < 8; shift += 2) {
        for (let group = 0; group < 32; group += 16) {
          const sc = bytes[is++]!;
          const dl = Math.fround(d * (sc & 15));
          const ml = Math.fround(dmin * (sc >> 4));
          for (let l = 0; l < 16; l++) out[to++] = dl * ((bytes[q + group + l]! >> shift) & 3) - ml;
        }
      }
    }
  }
};

/** 32 bytes of third bits, 64 bytes of 2-bit values, 12 bytes of 6-bit scales (minus 32), d. */
const q3_k: Decode = (bytes, out, blocks) => {
  const half = halfTable();
  const scales = new Int8Array(16);
  let to = 0;
  for (let b = 0, at = 0; b < blocks; b++, at += 110) {
    const d = half[u16(bytes, at + 108)]!;
    for (let j = 0; j < 16; j++) {
      const low = j < 8 ? bytes[at + 96 + j]! & 15 : bytes[at + 96 + j - 8]! >> 4;
      const high = (bytes[at + 104 + (j & 3)]! >> (2 * (j >> 2))) & 3;
      scales[j] = (low | (high << 4)) - 32;
    }
    let is = 0;
    let mask = 1;
    for (let q = at + 32; q < at + 96; q += 32) {
      for (let shift = 0; shift < 8; shift += 2) {
        for (let group = 0; group < 32; group += 16) {
          const dl = Math.fround(d * scales[is++]!);
          for (let l = group; l < group + 16; l++) {
            out[to++] = dl * (((bytes[q + l]! >> shift) & 3) - (bytes[at + l]! & mask ? 0 : 4));
          }
        }
        mask <<= 1;
      }
    }
  }
};

/** 6-bit scale and min of group `j` of 8, packed in 12 bytes (ggml's `get_scale_min_k4`). */
function scale4(bytes: Uint8Array, at: number, j: number): number {
  return j < 4 ? bytes[at + j]! & 63 : (bytes[at + j + 4]! & 15) | ((bytes[at + j - 4]! >> 6) << 4);
}
function min4(bytes: Uint8Array, at: number, j: number): number {
  return j < 4 ? bytes[at + j + 4]! & 63 : (bytes[at + j + 4]! >> 4) | ((bytes[at + j]! >> 6) << 4);
}

/** d, dmin, 12 bytes of scales and mins, 128 bytes of nibbles. */
const q4_k: Decode = (bytes, out, blocks) => {
  const half = halfTable();
  let to = 0;
  for (let b = 0, at = 0; b < blocks; b++, at += 144) {
    const d = half[u16(bytes, at)]!;
    const dmin = half[u16(bytes, at + 2)]!;
    for (let group = 0; group < 8; group++) {
      const dl = Math.fround(d * scale4(bytes, at + 4, group));
      const ml = Math.fround(dmin * min4(bytes, at + 4, group));
      const q = at + 16 + 32 * (group >> 1);
      const shift = group & 1 ? 4 : 0;
      for (let l = 0; l < 32; l++) out[to++] = dl * ((bytes[q + l]! >> shift) & 15) - ml;
    }
  }
};

/** As Q4_K with 32 bytes of fifth bits between scales and nibbles: bit `group` of byte l. */
const q5_k: Decode = (bytes, out, blocks) => {
  const half = halfTable();
  let to = 0;
  for (let b = 0, at = 0; b < blocks; b++, at += 176) {
    const d = half[u16(bytes, at)]!;
    const dmin = half[u16(bytes, at + 2)]!;
    for (let group = 0; group < 8; group++) {
      const dl = Math.fround(d * scale4(bytes, at + 4, group));
      const ml = Math.fround(dmin * min4(bytes, at + 4, group));
      const q = at + 48 + 32 * (group >> 1);
      const shift = group & 1 ? 4 : 0;
      for (let l = 0; l < 32; l++) {
        out[to++] = dl * (((bytes[q + l]! >> shift) & 15) + (((bytes[at + 16 + l]! >> group) & 1) << 4)) - ml;
      }
    }
  }
};

/** 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales, d; minus 32. */
const q6_k: Decode = (bytes, out, blocks) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0; b < blocks; b++, at += 210, to += 256) {
    const d = half[u16(bytes, at + 208)]!;
    for (let n = 0; n < 2; n++) {
      const ql = at + 64 * n;
      const qh = at + 128 + 32 * n;
      const sc = at + 192 + 8 * n;
      for (let quarter = 0; quarter < 4; quarter++) {
        const from = ql + 32 * (quarter & 1);
        const shift = quarter < 2 ? 0 : 4;
        for (let l = 0; l < 32; l++) {
          const q = (((bytes[from + l]! >> shift) & 15) | (((bytes[qh + l]! >> (2 * quarter)) & 3) << 4)) - 32;
          const scale = (bytes[sc + 2 * quarter + (l >> 4)]! << 24) >> 24;
          out[to + 128 * n + 32 * quarter + l] = Math.fround(d * scale) * q;
        }
      }
    }
  }
};

const DECODE: Readonly<Record<StoredDtype, Decode>> = {
  F32: f32,
  F16: f16,
  BF16: bf16,
  Q4_0: q4_0,
  Q4_1: q4_1,
  Q5_0: q5_0,
  Q5_1: q5_1,
  Q8_0: q8_0,
  Q2_K: q2_k,
  Q3_K: q3_k,
  Q4_K: q4_k,
  Q5_K: q5_k,
  Q6_K: q6_k,
};
