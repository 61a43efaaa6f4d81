import { diffArrays } from 'diff';

/** A prompt, as far as alignment reads it. */
export interface Alignable {
  ids: readonly number[];
  /** Half-open token ranges by name. */
  spans: Readonly<Record<string, readonly [number, number]>>;
}

/** A position of the probe and the position of the control that stands for it. */
export interface AlignedPair {
  probe: number;
  control: number;
  /** Why they are a pair: both are the answer position, both lie in a span of one name, or both carry the same token in like order. */
  by: 'last' | 'span' | 'token';
}

/**
 * Which position of the control stands for which of the probe, so that an activation can be moved from one to the other
 * (Heimersheim & Nanda 2024, on prompts that differ in length). In this order, each position used once:
 *
 * 1. the answer positions (the last of each);
 * 2. spans that both prompts name, from their ends backwards: the last token of a word is where it has been read whole, so of spans
 *    of different length the first tokens of the longer one stay alone;
 * 3. a longest common subsequence of the other tokens, taken between those spans where the two prompts have them in one order, and
 *    over all other tokens at once where they do not.
 *
 * @returns Pairs by probe position. Of the pairs by token, probe and control positions increase together.
 */
export function alignPrompts(control: Alignable, probe: Alignable): AlignedPair[] {
  const pairs: AlignedPair[] = [];
  if (control.ids.length === 0 || probe.ids.length === 0) return pairs;
  const taken = { control: new Set<number>(), probe: new Set<number>() };
  const add = (pair: AlignedPair): void => {
    if (taken.probe.has(pair.probe) || taken.control.has(pair.control)) return;
    taken.probe.add(pair.probe);
    taken.control.add(pair.control);
    pairs.push(pair);
  };
  add({ probe: probe.ids.length - 1, control: control.ids.length - 1, by: 'last' });
  for (const [name, [start, end]] of Object.entries(probe.spans)) {
    const twin = control.spans[name];
    if (!twin) continue;
    for (let back = 1; back <= Math.min(end - start, twin[1] - twin[0]); back++)
      add({ probe: end - back, control: twin[1] - back, by: 'span' });
  }
  const rest = (which: 'control' | 'probe', from: number, to: number): number[] =>
    Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i).filter((p) => !taken[which].has(p));
  for (const { controls, probes } of stretches(pairs, control.ids.length, probe.ids.length)) {
    const c = rest('control', ...controls);
    const p = rest('probe', ...probes);
    for (const [i, j] of commonSubsequence(
      c.map((at) => control.ids[at]!),
      p.map((at) => probe.ids[at]!),
    ))
      add({ probe: p[j]!, control: c[i]!, by: 'token' });
  }
  return pairs.sort((a, b) => a.probe - b.probe);
}

interface Stretch {
  controls: [number, number];
  probes: [number, number];
}

/** The stretches between pairs that increase together; one stretch of everything where they do not. */
function stretches(pairs: readonly AlignedPair[], controls: number, probes: number): Stretch[] {
  const fixed = [...pairs].sort((a, b) => a.probe - b.probe);
  const whole: Stretch = { controls: [0, controls], probes: [0, probes] };
  if (fixed.some(({ control }, i) => i > 0 && control < fixed[i - 1]!.control)) return [whole];
  const out: Stretch[] = [];
  let at = { control: 0, probe: 0 };
  for (const pair of fixed) {
    out.push({ controls: [at.control, pair.control], probes: [at.probe, pair.probe] });
    at = { control: pair.control + 1, probe: pair.probe + 1 };
  }
  return out;
}

/** Index pairs of a longest common subsequence (Myers 1986). */
function commonSubsequence(a: readonly number[], b: readonly number[]): [number, number][] {
  if (a.length === 0 || b.length === 0) return [];
  const pairs: [number, number][] = [];
  let i = 0;
  let j = 0;
  for (const { added, removed, count } of diffArrays([...a], [...b])) {
    if (removed) i += count;
    else if (added) j += count;
    else for (let k = 0; k < count; k++) pairs.push([i++, j++]);
  }
  return pairs;
}

/** Pairs whose probe position lies in a half-open range. */
export const pairsIn = (pairs: readonly AlignedPair[], [start, end]: readonly [number, number]): AlignedPair[] =>
  pairs.filter(({ probe }) => probe >= start && probe < end);

/** How many tokens two prompts begin with alike: all that is computed there is the same in both. */
export function sharedPrefix(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}
