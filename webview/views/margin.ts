import { collapseDoubts } from '../../src/residue/standing.js';
import { METHODS } from '../../src/method-anchors.js';
import { h } from '../dom.js';
import { marginModel, type MarginModel } from '../model/margin.js';
import { around, place, type Box, type Label } from '../model/place.js';
import { alpha } from '../theme.js';
import { choice } from '../ui.js';
import type { Context } from './context.js';
import { figure, missing } from './figure.js';
import { key } from './legend.js';
import { LineChart, type PlottedLine } from './line-chart.js';
import { behind } from './on-canvas.js';
import { alongX, plot, setFont, strokeMarks, type Plot } from './plot.js';

const ZERO = 'answer and rival equal';

/** Where was it lost: the margin by layer, probe and control. */
export function marginView(context: Context): HTMLElement {
  const { residue, selection, palette } = context;
  const run = selection.run;
  const layers = residue.provenance.model.layers;
  const model = run ? marginModel(run, residue.control, layers, collapseDoubts(residue, run)) : null;
  if (!model)
    return run?.lens
      ? h('p', { class: 'note' }, 'Margin by layer: none, for there is no rival to take it against.')
      : missing(context, 'Margin by layer', 220);
  const drawn = linesOf(context, model);
  const finite = [...drawn.flatMap(({ y }) => y), 0, model.tau].filter((v): v is number => v !== null && Number.isFinite(v));
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const pad = Math.max(0.5, (high - low) * 0.12);
  const items = alongX(
    model.rows.length,
    (row) => ({ row }),
    (mark) => mark.row,
    (i) => model.tips[i] ?? [],
  );
  const { box } = plot(context, { key: 'margin', height: 200, aria: model.aria, items }, (canvas, width, height) => {
    const chart = new LineChart(
      canvas,
      {
        palette,
        lines: drawn,
        last: model.rows.length - 1,
        low: low - pad,
        high: high + pad,
        titles: { x: 'layer (residual stream after that many blocks)', y: 'margin (nats)' },
        under: (plane) => tint(context, model, plane),
        over: (plane) => {
          causedBar(context, model, plane);
          labels(context, model, drawn, plane);
        },
      },
      (plane) => strokeMarks(context, items, plane),
    );
    chart.resize(width, height);
    behind(canvas).paint = (ctx) => chart.paintOn(ctx);
    return chart;
  });
  return figure(context, {
    id: 'margin',
    title: 'Margin by layer',
    evidence: 'observed',
    method: { name: 'logit lens', anchor: METHODS.lens },
    table: model.table,
    body: [
      box,
      model.candidates.length > 1
        ? choice(
            'Lines of the margin',
            [
              { value: 'margin', text: 'margin', title: 'Margin over the strongest rival of each layer, probe and control' },
              { value: 'candidates', text: 'every candidate', title: 'Margin of the answer over each rival, one line for each' },
            ],
            each(context, model) ? 'candidates' : 'margin',
            (lines) => context.set({ lines }),
            'lines',
          )
        : null,
      h(
        'div',
        { class: 'legend' },
        ...drawn.map(({ name, legend, mark, colour }) =>
          h(
            'span',
            { class: 'key' },
            h('i', { class: `swatch ${mark}`, style: { '--c': colour }, attrs: { 'aria-hidden': 'true' } }),
            h('bdi', null, legend ?? name),
          ),
        ),
        each(context, model) || model.control ? null : h('span', { class: 'key unchecked' }, 'control: not checked'),
        each(context, model) && model.candidates.length > drawn.length
          ? h('span', { class: 'key' }, `${model.candidates.length - drawn.length} more in the table`)
          : null,
        model.collapse ? key('collapse', 'collapse point (read off)') : null,
        model.causedWords ? key('caused-bar', `${model.causedWords}, tested by intervention`) : null,
        h('span', { class: 'key' }, 'above the zero line: toward the answer; below: toward the rival'),
      ),
    ],
  });
}

/** A line of the chart. All are read off: dashed, with hollow marks. */
interface Line extends PlottedLine {
  /** Beside the line. */
  name: string;
  /** In the legend, where that is not its name. */
  legend?: string;
  /** Its swatch. */
  mark: string;
}

/** Rivals with a line of their own; more would hide one another. */
const RIVALS = 6;

const each = ({ view }: Context, model: MarginModel): boolean => view.lines === 'candidates' && model.candidates.length > 1;

/** Probe and control, or the probe's margin over every rival. */
function linesOf(context: Context, model: MarginModel): Line[] {
  const { palette } = context;
  if (!each(context, model))
    return [
      { name: 'probe', y: model.probe, colour: palette.foreground, point: 'circle', dash: [6, 3], width: 2, mark: 'probe' },
      ...(model.control
        ? [
            {
              name: 'control',
              y: model.control,
              colour: palette.muted,
              point: 'triangle',
              dash: [2, 3],
              width: 1.5,
              mark: 'control',
            } as const,
          ]
        : []),
    ];
  const colours = [palette.foreground, ...palette.spans, palette.muted];
  const points = ['circle', 'rect', 'triangle', 'rectRot', 'rectRounded', 'crossRot'] as const;
  return model.candidates.slice(0, RIVALS).map(({ label, strongest, y }, i) => ({
    name: `over ${label}`,
    legend: strongest ? `over ${label} (strongest at the output)` : undefined,
    y,
    colour: colours[i % colours.length]!,
    point: points[i % points.length]!,
    dash: i % 2 ? [2, 3] : [6, 3],
    width: strongest ? 2 : 1.5,
    mark: i % 2 ? 'dotted' : 'dashed',
  }));
}

/** Tints what lies under the zero line; in high contrast hatches it instead of a faint fill. */
function tint({ palette }: Context, model: MarginModel, { ctx, chartArea: a, scales }: Plot): void {
  const zero = scales.y!.getPixelForValue(model.tau);
  const top = Math.min(Math.max(zero, a.top), a.bottom);
  const { negative, foreground, kind } = palette;
  ctx.save();
  if (kind === 'contrast') {
    ctx.beginPath();
    ctx.rect(a.left, top, a.right - a.left, a.bottom - top);
    ctx.clip();
    ctx.strokeStyle = alpha(negative, 0.45);
    for (let x = a.left - (a.bottom - top); x < a.right; x += 9) {
      ctx.beginPath();
      ctx.moveTo(x, a.bottom);
      ctx.lineTo(x + (a.bottom - top), top);
      ctx.stroke();
    }
  } else {
    ctx.fillStyle = alpha(negative, 0.12);
    ctx.fillRect(a.left, top, a.right - a.left, a.bottom - top);
  }
  ctx.restore();
  ctx.save();
  ctx.strokeStyle = foreground;
  ctx.lineWidth = 1;
  ctx.beginPath();
  ctx.moveTo(a.left, Math.round(zero) + 0.5);
  ctx.lineTo(a.right, Math.round(zero) + 0.5);
  ctx.stroke();
  ctx.restore();
}

/** The caused interval as a solid bar on the axis of layers. */
function causedBar({ palette }: Context, model: MarginModel, { ctx, chartArea: a, scales }: Plot): void {
  if (!model.caused) return;
  const [from, to] = model.caused.map((row) => scales.x!.getPixelForValue(row)) as [number, number];
  ctx.save();
  ctx.fillStyle = palette.negative;
  ctx.fillRect(Math.max(a.left, from - 3), a.bottom - 6, Math.max(6, to - from + 6), 6);
  ctx.restore();
}

/** The collapse diamond and every label, placed so that none covers another, a line or a point. */
function labels({ palette }: Context, model: MarginModel, drawn: readonly Line[], chart: Plot): void {
  const { ctx, chartArea: a, scales } = chart;
  const px = (row: number, value: number): { x: number; y: number } => ({
    x: scales.x!.getPixelForValue(row),
    y: scales.y!.getPixelForValue(value),
  });
  ctx.save();
  setFont(chart, palette);
  ctx.textBaseline = 'top';
  const h = palette.size + 3;
  const obstacles = drawn.flatMap(({ y }) => lineBoxes(y, px));
  const texts: { text: string; colour: string; label: Label }[] = [];
  const add = (text: string, colour: string, at: (w: number) => { x: number; y: number }[]): void => {
    const w = Math.ceil(ctx.measureText(text).width) + 4;
    texts.push({ text, colour, label: { w, h, at: at(w) } });
  };
  if (model.collapse) {
    const p = px(model.collapse.row, model.collapse.margin);
    diamond(chart, p, palette.negative, palette.background);
    add(`◇ ${model.collapse.label}`, palette.negative, (w) => [9, 14, 24, 38, 52].flatMap((gap) => around(p.x, p.y, w, h, gap)));
  }
  const zero = scales.y!.getPixelForValue(model.tau);
  add(model.tau === 0 ? ZERO : `threshold τ = ${model.tau}`, palette.foreground, (w) => {
    const ys = [zero - h - 1, zero + 3];
    return sweep(a.left + 4, a.right - w - 4).flatMap((x) => ys.map((y) => ({ x, y })));
  });
  // A line's name stands close to it: at its end, or else at an earlier point.
  const end = (name: string, data: (number | null)[], colour: string): void =>
    add(name, colour, (w) =>
      [...data.keys()].reverse().flatMap((row) => {
        const value = data[row];
        if (value == null) return [];
        const p = px(row, value);
        return [-w - 4, -w / 2, 4].flatMap((dx) => [p.y - h - 6, p.y + 6].map((y) => ({ x: p.x + dx, y })));
      }),
    );
  for (const { name, y, colour } of drawn) end(name, y, colour);
  const boxes = place(
    texts.map((t) => t.label),
    { x: a.left, y: a.top, w: a.right - a.left, h: a.bottom - a.top },
    [...obstacles, { x: a.left, y: zero - 1, w: a.right - a.left, h: 2 }],
  );
  boxes.forEach((box, i) => {
    if (!box) return;
    if (palette.kind === 'contrast') {
      ctx.fillStyle = palette.background;
      ctx.fillRect(box.x, box.y, box.w, box.h);
    }
    ctx.fillStyle = texts[i]!.colour;
    ctx.fillText(texts[i]!.text, box.x + 2, box.y + 1);
  });
  ctx.restore();
}

/** Places from left to right along which a label may slide. */
export const sweep = (from: number, to: number): number[] => Array.from({ length: 25 }, (_, i) => from + ((to - from) * i) / 24);

/** Small boxes along a polyline, for labels to keep clear of. */
export function lineBoxes(data: readonly (number | null)[], px: (row: number, value: number) => { x: number; y: number }): Box[] {
  const boxes: Box[] = [];
  for (let i = 0; i < data.length; i++) {
    const here = data[i];
    if (here == null) continue;
    const p = px(i, here);
    const next = data[i + 1];
    const q = next == null ? p : px(i + 1, next);
    const steps = Math.max(1, Math.ceil(Math.hypot(q.x - p.x, q.y - p.y) / 6));
    for (let s = 0; s <= steps; s++)
      boxes.push({ x: p.x + ((q.x - p.x) * s) / steps - 3, y: p.y + ((q.y - p.y) * s) / steps - 3, w: 6, h: 6 });
  }
  return boxes;
}

function diamond(chart: Plot, p: { x: number; y: number }, colour: string, fill: string): void {
  const { ctx } = chart;
  const r = 8;
  ctx.beginPath();
  ctx.moveTo(p.x, p.y - r);
  ctx.lineTo(p.x + r, p.y);
  ctx.lineTo(p.x, p.y + r);
  ctx.lineTo(p.x - r, p.y);
  ctx.closePath();
  ctx.fillStyle = fill;
  ctx.fill();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2;
  ctx.stroke();
}
