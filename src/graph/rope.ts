import type { RopeScaling, RopeSpec } from '../model/spec.js';

const f32 = Math.fround;

/**
 * Angle per position of each pair of rotary dimensions, in radians [rotary_dim / 2], with the scaling applied. Rounded to float32
 * at each step as transformers rounds it (modeling_rope_utils.py), so that far positions get the same angles.
 */
export function inverseFrequencies(rope: RopeSpec): Float32Array {
  const { theta, rotaryDim, scaling } = rope;
  const wavelengths = Float32Array.from({ length: rotaryDim / 2 }, (_, i) => Math.pow(theta, f32((2 * i) / rotaryDim)));
  const plain = wavelengths.map((w) => 1 / w);
  switch (scaling.type) {
    case 'none':
      return plain;
    case 'linear':
      return plain.map((f) => f / scaling.factor);
    case 'llama3':
      return plain.map((f) => llama3(f, scaling));
    case 'yarn':
      return yarn(rope, scaling, wavelengths);
    case 'factors':
      return plain.map((f, i) => f / f32(scaling.factors[i] ?? 1));
  }
}

/** Llama 3.1: long waves are stretched by the factor, short ones kept, those between interpolated. */
function llama3(frequency: number, scaling: Extract<RopeScaling, { type: 'llama3' }>): number {
  const { factor, lowFreqFactor, highFreqFactor, originalContext } = scaling;
  const wavelength = f32((2 * Math.PI) / frequency);
  if (wavelength > originalContext / lowFreqFactor) return f32(frequency / factor);
  if (wavelength < originalContext / highFreqFactor) return frequency;
  const smooth = f32(f32(f32(originalContext / wavelength) - lowFreqFactor) / (highFreqFactor - lowFreqFactor));
  return f32(f32(f32(f32(1 - smooth) * frequency) / factor) + f32(smooth * frequency));
}

/** YaRN (Peng 2023): dimensions that turn often within the original context are kept, slow ones stretched, a ramp between. */
function yarn(rope: RopeSpec, scaling: Extract<RopeScaling, { type: 'yarn' }>, wavelengths: Float32Array): Float32Array {
  const { factor, originalContext, betaFast, betaSlow, truncate } = scaling;
  const dimOf = (rotations: number) =>
    (rope.rotaryDim * Math.log(originalContext / (rotations * 2 * Math.PI))) / (2 * Math.log(rope.theta));
  const [fast, slow] = [dimOf(betaFast), dimOf(betaSlow)];
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  const top = Math.min(truncate ? Math.ceil(slow) : slow, rope.rotaryDim - 1);
  const high = low === top ? top + 0.001 : top;
  return wavelengths.map((w, i) => {
    const ramp = Math.min(Math.max(f32(f32(i - low) / (high - low)), 0), 1);
    const kept = f32(1 - ramp);
    const stretched = f32(1 / f32(factor * w));
    return f32(stretched * f32(1 - kept)) + f32(f32(1 / w) * kept);
  });
}

/** What cos and sin are multiplied by: YaRN's attention factor, else 1. */
export const ropeAmplitude = (rope: RopeSpec): number => (rope.scaling.type === 'yarn' ? rope.scaling.attentionFactor : 1);

/** cos and sin [positions, rotary_dim / 2] for any position ids. */
export function ropeTables(
  rope: RopeSpec,
  frequencies: Float32Array,
  positions: ArrayLike<number>,
): { cos: Float32Array; sin: Float32Array } {
  const half = frequencies.length;
  const amplitude = f32(ropeAmplitude(rope));
  const cos = new Float32Array(positions.length * half);
  const sin = new Float32Array(positions.length * half);
  for (let t = 0; t < positions.length; t++) {
    for (let i = 0; i < half; i++) {
      const angle = f32(positions[t]! * frequencies[i]!);
      cos[t * half + i] = f32(Math.cos(angle)) * amplitude;
      sin[t * half + i] = f32(Math.sin(angle)) * amplitude;
    }
  }
  return { cos, sin };
}
