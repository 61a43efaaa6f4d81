/**
 * Seeded random numbers: xoshiro128** 1.1 (Blackman & Vigna 2021), its state filled from the seed by SplitMix32. The same seed
 * gives the same numbers on every machine. Not for cryptography.
 */
export class Random {
  private readonly state: Uint32Array;

  /** @param seed Any integer; its low 32 bits, and the next 21, count. */
  constructor(seed: number) {
    let a = (seed ^ Math.imul(Math.floor(seed / 2 ** 32), 0x85ebca6b)) >>> 0;
    const split = (): number => {
      a = (a + 0x9e3779b9) >>> 0;
      let z = a;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    this.state = Uint32Array.of(split(), split(), split(), split());
  }

  /** A whole number in [0, 2³²). */
  next(): number {
    const s = this.state as unknown as [number, number, number, number];
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 11);
    return result;
  }

  /** A number in [0, 1) with 32 bits. */
  unit(): number {
    return this.next() / 2 ** 32;
  }

  /** A whole number in [0, n), each equally likely (values past the last whole multiple of n are drawn again). n ≤ 2³². */
  below(n: number): number {
    const limit = 2 ** 32 - (2 ** 32 % n);
    let value = this.next();
    while (value >= limit) value = this.next();
    return value % n;
  }

  /** `count` different numbers of [0, n), in ascending order (Floyd's algorithm). */
  sample(n: number, count: number): number[] {
    const chosen = new Set<number>();
    for (let j = n - Math.min(count, n); j < n; j++) {
      const t = this.below(j + 1);
      chosen.add(chosen.has(t) ? j : t);
    }
    return [...chosen].sort((a, b) => a - b);
  }

  /** The same items in a random order, every order equally likely (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const order = [...items];
    for (let i = order.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}

const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/**
 * Directions without meaning in place of others: their coordinates shuffled and their signs flipped, alike in every row of every array, so
 * that the lengths of rows, and the angles between them, stay as they are.
 * @returns A function of rows [n · width].
 */
export function scrambling(random: Random, width: number): (rows: Float32Array) => Float32Array {
  const order = random.shuffled(Array.from({ length: width }, (_, i) => i));
  const signs = order.map(() => (random.unit() < 0.5 ? 1 : -1));
  return (rows) => {
    const out = new Float32Array(rows.length);
    for (let start = 0; start < rows.length; start += width)
      for (let i = 0; i < width; i++) out[start + i] = signs[i]! * rows[start + order[i]!]!;
    return out;
  };
}
