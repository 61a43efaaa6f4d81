import type { Model } from '../../engine/api.js';
import { spanMass, type Span } from '../../methods/attention.js';
import { MEASURES, percentile, rowMeasures, type Measure, type RowMeasures } from '../../methods/disruption.js';
import { isTrapped } from '../../methods/patterns.js';
import { randomSpans } from '../../methods/random-spans.js';
import type { AttentionDisruption, HeadMeasure } from '../../residue/types-heads.js';
import { patternRows } from '../trace.js';
import type { TracedRun } from '../types.js';

/** Attention disruption at p, of every head, against the control where there is one. */
export function disruptionSection(
  model: Model,
  run: TracedRun,
  control: TracedRun | null,
  name: string | null,
  seed: number,
): AttentionDisruption {
  const here = read(model, run, name);
  const there = control && read(model, control, name);
  const section = (measure: Measure): HeadMeasure => {
    const pick = (rows: RowMeasures[][]): number[][] => rows.map((layer) => layer.map((head) => head[measure]!));
    const value = pick(here.rows);
    const before = there && (measure !== 'span' || there.span) ? pick(there.rows) : null;
    return { value, control: before, percentile: measure === 'span' ? amongSpans(here, value, run, seed) : amongHeads(value, before) };
  };
  const measures = Object.fromEntries(MEASURES.map((m) => [m, m === 'span' && !here.span ? null : section(m)]));
  return {
    of: here.span ? name : null,
    ...(measures as Omit<AttentionDisruption, 'of' | 'trapped'>),
    trapped: here.span && there?.span ? trapped(here.rows, there.rows) : null,
  };
}

interface Rows {
  span: Span | null;
  /** [layer][head] of pattern rows, and their measures. */
  patterns: Float32Array[][];
  rows: RowMeasures[][];
}

function read({ spec }: Model, run: TracedRun, name: string | null): Rows {
  const span = (name !== null && run.prompt.spans[name]) || null;
  const patterns = Array.from({ length: spec.nLayers }, (_, l) => patternRows(run.result, l, run.position, spec.nHeads));
  return { span, patterns, rows: patterns.map((layer) => layer.map((row) => rowMeasures(row, run.position, span))) };
}

/** Each head's change among those of its layer's other heads. */
function amongHeads(value: number[][], before: number[][] | null): number[][] {
  const changes = value.map((layer, l) => layer.map((v, h) => v - (before?.[l]?.[h] ?? 0)));
  if (changes.some((layer) => layer.length < 2)) return [];
  return changes.map((layer) =>
    layer.map((change, h) =>
      percentile(
        change,
        layer.filter((_, other) => other !== h),
      )!,
    ),
  );
}

/** Each head's attention to the span among its attention to random spans. */
function amongSpans({ span, patterns }: Rows, value: number[][], { prompt }: TracedRun, seed: number): number[][] {
  const nulls = randomSpans(prompt.ids.length, span!, seed);
  if (nulls.length === 0) return [];
  return patterns.map((layer, l) =>
    layer.map((row, h) =>
      percentile(
        value[l]![h]!,
        nulls.map((at) => Math.min(1, spanMass(row, at))),
      )!,
    ),
  );
}

function trapped(here: RowMeasures[][], there: RowMeasures[][]): [number, number][] {
  const masses = (m: RowMeasures) => ({ local: m.self + m.local, span: m.span! });
  return here.flatMap((layer, l) =>
    layer.flatMap((head, h): [number, number][] => (isTrapped(masses(head), masses(there[l]![h]!)) ? [[l, h]] : [])),
  );
}
