/** Least change of attention mass, a share, that counts as up or down. Below it a head is left alone: half of all heads move up by something. */
export const TRAP_CHANGE = 0.05;
/** Share of the middle layers' heads that must be trapped. */
export const TRAP_SHARE = 0.25;

/** Attention of one head at p, as shares. */
export interface HeadMasses {
  /** Itself and the tokens just before it (see `localMass`). */
  local: number;
  span: number;
}

/** The middle half of L layers: L/4 ≤ layer < 3L/4, or all where that is none. */
export function middleLayers(layers: number): number[] {
  const all = Array.from({ length: layers }, (_, l) => l);
  const middle = all.filter((l) => l >= layers / 4 && l < (3 * layers) / 4);
  return middle.length > 0 ? middle : all;
}

/** Attention is *trapped* at p in a head: local mass up by at least 0.05 against the control while span mass is down by as much. */
export function isTrapped(probe: HeadMasses, control: HeadMasses): boolean {
  return probe.local - control.local >= TRAP_CHANGE && control.span - probe.span >= TRAP_CHANGE;
}

export interface LoopingEvidence {
  failed: boolean;
  /** What the generation repeats at its end; null when it does not, or nothing was generated. */
  loop: { period: number; repeats: number; generated: number } | null;
  generated: boolean;
  /** Trapped heads of the middle layers; null without a control or a span. */
  trapped: { heads: number; of: number } | null;
}

export interface Pattern {
  name: string;
  present: boolean;
  /** [0, 1] */
  score: number;
  evidence: string;
}

/**
 * `recursive-looping`: the recall failed, and the generation loops or attention is trapped in ≥ 25 % of the middle layers' heads.
 * Score: the larger of the looping share of the generation, period · repeats / tokens (cf. Welleck et al. 2020), and the share of trapped heads; 0 when the recall
 * did not fail.
 */
export function recursiveLooping({ failed, loop, generated, trapped }: LoopingEvidence): Pattern {
  const loopShare = loop ? Math.min(1, (loop.period * loop.repeats) / loop.generated) : 0;
  const trapShare = trapped && trapped.of > 0 ? trapped.heads / trapped.of : 0;
  const parts = [
    !generated
      ? 'nothing was generated'
      : loop
        ? `the continuation repeats ${loop.period} ${loop.period === 1 ? 'token' : 'tokens'} ${loop.repeats} times`
        : 'the continuation does not loop',
    trapped
      ? `attention is trapped in ${trapped.heads} of ${trapped.of} heads of the middle layers`
      : 'trapping needs a control and a span',
  ];
  const found = loop !== null || trapShare >= TRAP_SHARE;
  return {
    name: 'recursive-looping',
    present: failed && found,
    score: failed ? Math.max(loopShare, trapShare) : 0,
    evidence: failed ? parts.join('; ') : `the recall did not fail (${parts.join('; ')})`,
  };
}
