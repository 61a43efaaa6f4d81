import type { Span } from '../../methods/attention.js';
import type { Terms, Writes } from '../../methods/attribution.js';
import { randomSpans } from '../../methods/random-spans.js';
import { benjaminiHochberg, nullBand, pValue, spansInWords } from '../../methods/significance.js';
import { mean } from '../../methods/statistics.js';
import type { HeadNulls, NullSection, SpanNulls } from '../../residue/types-claims.js';
import { count } from '../words.js';

/** What the nulls are made of: everything p read from every token of one run. */
export interface Readings {
  writes: Pick<Writes, 'layers'>;
  terms: Pick<Terms, 'source' | 'head'>;
  /** ‖α v W_O‖, [layer][head][src]. */
  norms: readonly (readonly ArrayLike<number>[])[];
}

/** A span's measures, of all heads and of each. */
export interface SpanMeasures {
  /** Mean over heads and layers, a share. */
  attention: number;
  /** Mean over layers, a share. */
  flow: number;
  /** Nats. */
  contribution: number;
  /** [layer][head] */
  heads: { attention: number[][]; contribution: number[][] };
}

/**
 * Nulls of what is read off one run: each marked span's measures beside those of random spans of its length (`randomSpans`), each
 * head's beside those of all heads of its layer on the same random spans, and each head's whole contribution beside those of the
 * other heads of its layer.
 * @param spans Half-open token ranges by name. One without room for any random span has no entry.
 */
export function nullSection(readings: Readings, spans: Readonly<Record<string, Span>>, tokens: number, seed: number): NullSection {
  const measure = measurer(readings);
  const section: NullSection = { spans: {}, contribution: contributionNulls(readings.terms.head) };
  for (const [name, span] of Object.entries(spans)) {
    const nulls = spanNulls(measure, span, randomSpans(tokens, span, seed));
    if (nulls) section.spans[name] = nulls;
  }
  return section;
}

/** Measures any span of a run in a time that does not depend on the span's length: sums up to each token are taken once. */
export function measurer({ writes, terms, norms }: Readings): (span: Span) => SpanMeasures {
  const attention = writes.layers.map((layer) => layer.pattern.map(sumsTo));
  const contribution = terms.source.map((layer) => layer.map(sumsTo));
  const flow = norms.map((layer) => layer.map(sumsTo));
  const between = (sums: Float64Array, [start, end]: Span): number => sums[end]! - sums[start]!;
  const whole = (sums: Float64Array): number => sums[sums.length - 1]!;
  return (span) => {
    const heads = {
      attention: attention.map((layer) => layer.map((sums) => between(sums, span))),
      contribution: contribution.map((layer) => layer.map((sums) => between(sums, span))),
    };
    const shares = flow.map((layer) => {
      const all = total(layer.map(whole));
      return all > 0 ? total(layer.map((sums) => between(sums, span))) / all : 0;
    });
    return { attention: mean(heads.attention.flat()), flow: mean(shares), contribution: total(heads.contribution.flat()), heads };
  };
}

/** Sums of all values before each index, [n + 1]. */
function sumsTo(values: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) sums[i + 1] = sums[i]! + values[i]!;
  return sums;
}

const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

function spanNulls(measure: (span: Span) => SpanMeasures, span: Span, drawn: readonly Span[]): SpanNulls | null {
  if (drawn.length === 0) return null;
  const here = measure(span);
  const nulls = drawn.map(measure);
  const of = spansInWords(drawn);
  const band = (key: 'attention' | 'flow' | 'contribution', sided: 'high' | 'size') =>
    nullBand(
      here[key],
      nulls.map((one) => one[key]),
      of,
      sided,
    )!;
  const heads = (key: 'attention' | 'contribution', size: (x: number) => number): HeadNulls => {
    const pools = here.heads[key].map((_, l) => nulls.flatMap((one) => one.heads[key][l]!.map(size)));
    const p = here.heads[key].map((layer, l) => layer.map((value) => pValue(size(value), pools[l]!)));
    return {
      of: `${of} in the ${count(here.heads[key][0]?.length ?? 0, 'head')} of its layer`,
      n: pools[0]?.length ?? 0,
      p,
      q: overHeads(p),
    };
  };
  return {
    drawn: drawn.map(([start, end]): [number, number] => [start, end]),
    attention: band('attention', 'high'),
    flow: band('flow', 'high'),
    contribution: band('contribution', 'size'),
    headAttention: heads('attention', (x) => x),
    headContribution: heads('contribution', Math.abs),
  };
}

/** Size of each head's contribution against the other heads of its layer; null where a layer has one head. */
function contributionNulls(contribution: readonly (readonly number[])[]): HeadNulls | null {
  const heads = contribution[0]?.length ?? 0;
  if (heads < 2) return null;
  const sizes = contribution.map((layer) => layer.map(Math.abs));
  const p = sizes.map((layer) =>
    layer.map((size, h) =>
      pValue(
        size,
        layer.filter((_, other) => other !== h),
      ),
    ),
  );
  return { of: `the other ${count(heads - 1, 'head')} of its layer`, n: heads - 1, p, q: overHeads(p) };
}

/** Benjamini-Hochberg over all heads at once, in the shape of the p-values. */
function overHeads(p: readonly (readonly number[])[]): number[][] {
  const q = benjaminiHochberg(p.flat());
  let at = 0;
  return p.map((layer) => layer.map(() => q[at++]!));
}
