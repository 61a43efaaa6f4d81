import type { Chart } from 'chart.js';
import { METHODS } from '../../src/method-anchors.js';
import type { Plugin } from 'chart.js';
import { h } from '../dom.js';
import { labelled, type HeadPoint, type HeadsModel } from '../model/heads.js';
import { around, place } from '../model/place.js';
import { alpha } from '../theme.js';
import { axis, drawChart, strokeZero } from './chart.js';
import { setFont, type Items } from './plot.js';
import type { Context } from './context.js';
import { figure } from './figure.js';
import { key } from './legend.js';

/** What a grey head is, by the null that it does not clear. */
const FAINT = {
  contribution: 'grey: contributes no more than other heads of its layer (q > 0.05)',
  span: 'grey: neither looks at the span nor writes from it more than at random spans (q > 0.05)',
};

/** The QK/OV plane: what each head looks at, and what it writes. */
export function headsScatter(context: Context, model: HeadsModel, controls: readonly HTMLElement[]): HTMLElement {
  const { palette } = context;
  const { points, span } = model;
  const x = (p: HeadPoint): number => p.attention ?? p.layer;
  const largest = Math.max(1e-9, ...points.map((p) => Math.abs(p.written))) * 1.15;
  // Room to the right of the most attending head, within the share's range.
  const reach = Math.min(1, Math.max(0.1, Math.ceil(Math.max(0, ...points.map((p) => p.attention ?? 0)) * 11) / 10));
  const colour = (p: HeadPoint): string => (p.faint ? palette.disabled : p.written < 0 ? palette.negative : palette.positive);
  const { box } = drawChart(context, {
    key: 'heads',
    height: 260,
    aria: model.aria,
    crosshair: false,
    sees: ({ row, head }) => [row, head],
    config: {
      type: 'scatter',
      data: {
        datasets: [
          {
            data: points.map((p) => ({ x: x(p), y: p.written })),
            // Hollow: attribution is read off. Up for the answer, down for the rival, by shape as well as by hue.
            pointStyle: points.map((p) => (p.written < 0 ? 'rectRot' : 'circle')),
            pointRadius: points.length > 400 ? 3 : 5,
            pointBackgroundColor: alpha(palette.background, 0.5),
            pointBorderColor: points.map(colour),
            pointBorderWidth: 1.5,
            clip: false,
          },
        ],
      },
      options: {
        layout: { padding: { top: 6, right: 10 } },
        scales: {
          x: axis(palette, span === null ? 'block (no span is marked)' : `attention to ${span} (share)`, {
            type: 'linear',
            ...(span === null
              ? {}
              : {
                  // A little room left of zero, where most heads are.
                  min: -0.03 * reach,
                  max: reach,
                  afterBuildTicks: (scale: { ticks: { value: number }[] }) => (scale.ticks = sharesUpTo(reach).map((value) => ({ value }))),
                }),
            ticks: { maxRotation: 0, maxTicksLimit: 6 },
          }),
          y: axis(palette, model.writes === 'span' ? `written from ${span} (nats)` : 'contribution (nats)', {
            type: 'linear',
            suggestedMin: -largest,
            suggestedMax: largest,
            ticks: { maxTicksLimit: 7 },
          }),
        } as never,
      },
      plugins: [scatterLabels(context, model)],
    },
    items: scatterItems(points),
  });
  return figure(context, {
    id: 'heads',
    title: 'Heads: what they look at, what they write',
    evidence: 'observed',
    method: { name: 'direct logit attribution', anchor: METHODS.attribution },
    table: model.table,
    body: [
      controls.length > 0 ? h('div', { class: 'strip-foot' }, ...controls) : null,
      box,
      h(
        'div',
        { class: 'legend' },
        key('dot-positive', 'toward the answer'),
        key('dot-negative', 'toward the rival'),
        points.some(isGhost) ? key('ghost', 'ghost: looks at the span, writes nothing from it') : null,
        model.nullOf ? key('dot-faint', FAINT[model.nullOf]) : h('span', { class: 'key' }, 'nulls of heads: not checked'),
        h('span', { class: 'key' }, model.tested ? 'effect of cutting a head off: in the table' : 'effect of removing a head: not checked'),
      ),
    ],
  });
}

/** Marks of an axis of shares from 0 on: four to six of them, at round numbers. */
function sharesUpTo(most: number): number[] {
  const step = [0.02, 0.05, 0.1, 0.2].find((one) => most / one <= 5) ?? 0.25;
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => Number((i * step).toFixed(4)));
}

const isGhost = ({ verdict }: HeadPoint): boolean => verdict?.verdict === 'ghost';

function scatterItems(points: readonly HeadPoint[]): Items<Chart> {
  const byX = points.map((_, i) => i).sort((a, b) => (points[a]!.attention ?? 0) - (points[b]!.attention ?? 0) || a - b);
  const byY = points.map((_, i) => i).sort((a, b) => points[a]!.written - points[b]!.written || a - b);
  const along = (order: number[], i: number, d: number): number => order[Math.min(order.length - 1, Math.max(0, order.indexOf(i) + d))]!;
  return {
    count: points.length,
    at: (px, py, chart) => {
      let best: number | null = null;
      let nearest = 18;
      chart.getDatasetMeta(0).data.forEach((e, i) => {
        const d = Math.hypot(e.x - px, e.y - py);
        if (d < nearest) {
          nearest = d;
          best = i;
        }
      });
      return best;
    },
    point: (i, chart) => chart.getDatasetMeta(0).data[i] ?? null,
    tip: (i) => points[i]?.tip ?? [],
    mark: (i) => ({ head: [points[i]!.layer, points[i]!.head], row: points[i]!.layer + 1 }),
    find: (mark) => (mark.head ? points.findIndex((p) => p.layer === mark.head![0] && p.head === mark.head![1]) : null),
    step: (i, key) =>
      key === 'ArrowLeft'
        ? along(byX, i, -1)
        : key === 'ArrowRight'
          ? along(byX, i, 1)
          : key === 'ArrowUp'
            ? along(byY, i, 1)
            : along(byY, i, -1),
  };
}

/** Zero line, names of regions and of the strongest heads, and rings around what is marked. */
function scatterLabels(context: Context, model: HeadsModel): Plugin {
  const named = labelled(model.points, 3);
  return {
    id: 'heads',
    beforeDatasetsDraw: (chart) => void strokeZero(chart, context.palette),
    afterDatasetsDraw(chart) {
      const { palette, link } = context;
      const { ctx, chartArea: a, scales } = chart;
      const dots = chart.getDatasetMeta(0).data;
      const at = (p: HeadPoint): { x: number; y: number } => dots[model.points.indexOf(p)] ?? { x: 0, y: 0 };
      ctx.save();
      setFont(chart, palette);
      ctx.textBaseline = 'top';
      const hgt = palette.size + 3;
      const width = (text: string): number => Math.ceil(ctx.measureText(text).width) + 2;
      const zero = scales.y!.getPixelForValue(0);
      const texts: { text: string; colour: string; at: { x: number; y: number }[] }[] = [];
      const regions: [string, number, (w: number) => number][] =
        model.span === null
          ? []
          : [
              ['helpers', a.top + 3, (w) => a.right - w - 4],
              ['misfires', a.bottom - hgt - 2, (w) => a.right - w - 4],
              ['ghosts', zero + 3, (w) => a.right - w - 4],
            ];
      for (const [text, y, x] of regions) texts.push({ text, colour: palette.muted, at: [{ x: x(width(text)), y }] });
      for (const p of named) {
        const { verdict } = p;
        const text = verdict && verdict.verdict !== 'none' ? `${p.name} ${verdict.verdict}` : p.name;
        texts.push({ text, colour: p.faint ? palette.disabled : palette.foreground, at: around(at(p).x, at(p).y, width(text), hgt, 5) });
      }
      ctx.strokeStyle = palette.foreground;
      ctx.lineWidth = 1;
      ctx.setLineDash([2, 2]);
      model.points.forEach((p, i) => {
        const d = dots[i];
        if (!d || !isGhost(p)) return;
        ctx.beginPath();
        ctx.arc(d.x, d.y, 11, 0, 2 * Math.PI);
        ctx.stroke();
      });
      ctx.setLineDash([]);
      const near = dots.map((d) => ({ x: d.x - 4, y: d.y - 4, w: 8, h: 8 }));
      const line = { x: a.left, y: zero - 1, w: a.right - a.left, h: 2 };
      const boxes = place(
        texts.map((t) => ({ w: width(t.text), h: hgt, at: t.at })),
        { x: a.left, y: a.top, w: a.right - a.left, h: a.bottom - a.top },
        [...near, line],
      );
      boxes.forEach((box, i) => {
        if (!box) return;
        ctx.fillStyle = texts[i]!.colour;
        ctx.fillText(texts[i]!.text, box.x + 1, box.y + 1);
      });
      const ring = (layer: number, head: number | null, radius: number, lineWidth: number): void => {
        ctx.strokeStyle = palette.focus;
        ctx.lineWidth = lineWidth;
        model.points.forEach((p, i) => {
          const d = dots[i];
          if (!d || p.layer !== layer || (head !== null && p.head !== head)) return;
          ctx.beginPath();
          ctx.arc(d.x, d.y, radius, 0, 2 * Math.PI);
          ctx.stroke();
        });
      };
      const { row, head } = link.current;
      if (head) ring(head[0], head[1], 9, 2);
      else if (row !== null && row > 0) ring(row - 1, null, 8, 1);
      if (link.pinned.head) ring(link.pinned.head[0], link.pinned.head[1], 9, 3);
      ctx.restore();
    },
  };
}
