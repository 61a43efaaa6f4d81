import { METHODS } from '../../src/method-anchors.js';
import { h } from '../dom.js';
import type { RunTrace } from '../../src/residue/types.js';
import { patternOf } from '../model/heads.js';
import { rowOf } from '../model/pattern.js';
import { probability, visible } from '../model/format.js';
import { axis, drawChart } from './chart.js';
import { type Items } from './plot.js';
import { Columns } from './columns.js';
import type { Context } from './context.js';
import { figure } from './figure.js';
import { headPicker, patternView } from './pattern.js';

/** Attention of the selected head from the answer position over the tokens, and its whole pattern. */
export function attentionView(context: Context): (HTMLElement | null)[] {
  const run = context.selection.shown;
  if (!run?.attention) return [];
  const { head } = context.link.pinned;
  if (!head) return [headPicker(context, null)];
  const state = context.patterns.of(run, head);
  const row = patternOf(run, head) ?? (state.kind === 'here' ? Array.from(rowOf(state.pattern, run.position)) : null);
  return [
    headPicker(context, head),
    row
      ? rowFigure(context, run, head, row)
      : h(
          'p',
          { class: 'note' },
          `The attention of head ${head.join('.')} is not in this residue, which keeps the heads that contribute most: it comes with the whole pattern.`,
        ),
    patternView(context, run, head),
  ];
}

function rowFigure(context: Context, run: RunTrace, head: [number, number], pattern: readonly number[]): HTMLElement {
  const { palette, link } = context;
  const name = `head ${head.join('.')}`;
  const n = pattern.length;
  const data = (from: number, to: number): { x: number; y: number }[] => pattern.slice(from, to).map((y, i) => ({ x: from + i, y }));
  const view = new Columns(n, 16, 58, 190, `Attention of ${name}`, (from, to) => {
    const { made } = lazy;
    if (!made) return null;
    made.data.datasets[0]!.data = data(from, to);
    Object.assign(made.options.scales!.x!, { min: from - 0.5, max: to - 0.5 });
    return made;
  });
  const top = pattern.reduce((best, v, i) => (v > pattern[best]! ? i : best), 0);
  const text = (i: number): string => visible(run.tokens[i]?.text ?? '', 12);
  const inSpan = (i: number): number => Object.values(run.spans).findIndex(([from, to]) => i >= from && i < to);
  const colour = (i: number): string => (inSpan(i) < 0 ? palette.foreground : palette.spans[inSpan(i) % palette.spans.length]!);
  const aria = `Attention of ${name} from the answer position over ${n} tokens; most on token ${top} “${text(top)}” (${probability(pattern[top])}). Read off.`;
  const { lazy } = drawChart(context, {
    key: 'attention',
    height: 190,
    aria,
    box: view.canvasBox,
    sized: (width) => view.fit(width),
    config: () => ({
      type: 'bar',
      data: {
        datasets: [
          {
            data: data(view.from, view.to) as never,
            backgroundColor: 'rgba(0, 0, 0, 0)',
            borderColor: (c: { raw?: unknown }) => colour((c.raw as { x: number } | undefined)?.x ?? -1),
            borderWidth: 1.5,
            borderSkipped: 'bottom',
            barPercentage: 0.8,
            categoryPercentage: 1,
            grouped: false,
          } as never,
        ],
      },
      options: {
        layout: { padding: { top: 4, right: 6 } },
        scales: {
          x: axis(palette, '', {
            type: 'linear',
            min: view.from - 0.5,
            max: view.to - 0.5,
            offset: false,
            grid: { display: false },
            afterFit: (scale: { height: number }) => (scale.height = 76),
            afterBuildTicks: (scale: { ticks: { value: number }[] }) => {
              scale.ticks = Array.from({ length: view.to - view.from }, (_, i) => ({ value: view.from + i }));
            },
            ticks: { callback: (value: number) => text(value), minRotation: 0, maxRotation: 90, autoSkipPadding: 0 },
          }),
          y: axis(palette, 'attention (share)', {
            type: 'linear',
            min: 0,
            suggestedMax: Math.max(...pattern, 1e-9),
            afterFit: (scale: { width: number }) => (scale.width = 50),
            ticks: { maxTicksLimit: 5 },
          }),
        } as never,
      },
    }),
    items: items(run.tokens.map((_, i) => i).slice(0, n), pattern, text, name, view),
  });
  view.start(context.onDispose, link.pinned.token ?? top);
  return figure(context, {
    id: 'attention',
    title: `Head ${head.join('.')}: attention from the answer position`,
    evidence: 'observed',
    method: { name: 'attention pattern', anchor: METHODS.attention },
    table: { columns: ['position', 'token', 'attention (share)'], rows: pattern.map((v, i) => [i, run.tokens[i]?.text ?? '', v]) },
    body: [view.box, view.note],
  });
}

function items(positions: number[], pattern: readonly number[], text: (i: number) => string, name: string, view: Columns): Items {
  const n = positions.length;
  return {
    count: n,
    at: (x, y, chart) => {
      const { left, right, top, bottom } = chart.chartArea;
      if (x < left || x > right || y < top || y > bottom) return null;
      const i = Math.round(chart.scales.x!.getValueForPixel(x) ?? -1);
      return i < 0 || i >= n ? null : i;
    },
    point: (i, chart) => ({ x: chart.scales.x!.getPixelForValue(i), y: chart.chartArea.top + 10 }),
    tip: (i) => [
      `token ${i}: “${text(i)}”`,
      `attention of ${name}: ${probability(pattern[i])}`,
      'softmax pattern at the answer position. Read off.',
    ],
    mark: (i) => ({ token: i }),
    find: (mark) => (mark.token !== null && mark.token < n ? mark.token : null),
    step: (i, key) => (key === 'ArrowLeft' ? Math.max(0, i - 1) : key === 'ArrowRight' ? Math.min(n - 1, i + 1) : null),
    reveal: (i) => view.reveal(i),
  };
}
