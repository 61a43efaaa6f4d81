import { METHODS } from '../model/methods.js';
import type { Plugin } from 'chart.js';
import { doubtsOf } from '../../src/residue/standing.js';
import { h } from '../dom.js';
import { headsModel, labelled, sortHeads, verdictText, type HeadKey, type HeadPoint, type HeadsModel } from '../model/heads.js';
import { fixed } from '../model/format.js';
import { around, place } from '../model/place.js';
import { choice } from '../ui.js';
import { alpha } from '../theme.js';
import { axis, drawChart, setFont, type Items } from './chart.js';
import type { Context } from './context.js';
import { figure, methodLink, missing } from './figure.js';
import { key } from './legend.js';

const SHOWN = 12;

/** What a grey head is, by the null that it does not clear. */
const FAINT = {
  contribution: 'grey: contributes no more than other heads of its layer (q > 0.05)',
  span: 'grey: neither looks at the span nor writes from it more than at random spans (q > 0.05)',
};

/** Heads: a scatter and the sortable table beside it. */
export function headsView(context: Context): HTMLElement[] {
  const { selection } = context;
  const run = selection.shown;
  const model = run
    ? headsModel(run, selection.span, run === context.residue.runs[context.residue.primary] ? context.residue.claims : [])
    : null;
  if (!run || !model) return [missing(context, 'Heads', 260)];
  const spans = Object.keys(run.attention?.spans ?? {});
  const picker =
    spans.length > 1 && selection.span !== null
      ? choice(
          'Span',
          spans.map((value) => ({ value, text: value })),
          selection.span,
          (span) => context.set({ span }),
          'span',
        )
      : null;
  return [scatter(context, model, picker), table(context, model)];
}

function scatter(context: Context, model: HeadsModel, picker: HTMLElement | null): HTMLElement {
  const { palette } = context;
  const { points, span } = model;
  const x = (p: HeadPoint): number => p.attention ?? p.layer;
  const largest = Math.max(1e-9, ...points.map((p) => Math.abs(p.contribution))) * 1.15;
  // Room to the right of the most attending head, within the share's range.
  const reach = Math.min(1, Math.max(0.1, Math.ceil(Math.max(0, ...points.map((p) => p.attention ?? 0)) * 11) / 10));
  const colour = (p: HeadPoint): string => (p.faint ? palette.disabled : p.contribution < 0 ? palette.negative : palette.positive);
  const { box, canvas } = drawChart(context, {
    key: 'heads',
    height: 260,
    aria: model.aria,
    crosshair: false,
    config: {
      type: 'scatter',
      data: {
        datasets: [
          {
            data: points.map((p) => ({ x: x(p), y: p.contribution })),
            // Hollow: attribution is read off. Up for the answer, down for the rival, by shape as well as by hue.
            pointStyle: points.map((p) => (p.contribution < 0 ? 'rectRot' : 'circle')),
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
                  afterBuildTicks: (scale: { ticks: { value: number }[] }) => (scale.ticks = scale.ticks.filter((t) => t.value >= 0)),
                }),
            ticks: { maxRotation: 0, maxTicksLimit: 6 },
          }),
          y: axis(palette, 'contribution (nats)', {
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
    canvas: () => canvas,
    body: [
      picker,
      box,
      h(
        'div',
        { class: 'legend' },
        key('dot-positive', 'toward the answer'),
        key('dot-negative', 'toward the rival'),
        model.nullOf ? key('dot-faint', FAINT[model.nullOf]) : h('span', { class: 'key' }, 'nulls of heads: not checked'),
        h('span', { class: 'key' }, model.tested ? 'effect of cutting a head off: in the table' : 'effect of removing a head: not checked'),
      ),
    ],
  });
}

function scatterItems(points: readonly HeadPoint[]): Items {
  const byX = points.map((_, i) => i).sort((a, b) => (points[a]!.attention ?? 0) - (points[b]!.attention ?? 0) || a - b);
  const byY = points.map((_, i) => i).sort((a, b) => points[a]!.contribution - points[b]!.contribution || a - b);
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
    beforeDatasetsDraw(chart) {
      const { ctx, chartArea: a, scales } = chart;
      const y = Math.round(scales.y!.getPixelForValue(0)) + 0.5;
      ctx.save();
      ctx.strokeStyle = context.palette.foreground;
      ctx.beginPath();
      ctx.moveTo(a.left, y);
      ctx.lineTo(a.right, y);
      ctx.stroke();
      ctx.restore();
    },
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

const COLUMNS: { key: Exclude<HeadKey, 'strength'>; text: string; title: string }[] = [
  { key: 'head', text: 'head', title: 'Layer and head, both from 0 (blocks.N)' },
  { key: 'attention', text: 'attention', title: 'Mass of attention from the answer position on the span (share)' },
  {
    key: 'contribution',
    text: 'contribution',
    title:
      'Contribution to the margin from all tokens (nats), direct logit attribution; also what is predicted to be lost without the head',
  },
  { key: 'fromSpan', text: 'from span', title: 'Contribution to the margin from the span’s tokens alone (nats)' },
  {
    key: 'effect',
    text: 'cut off',
    title: 'Change of the margin when the head alone is cut off from the span (nats): tested by intervention, INHIBIT',
  },
  {
    key: 'verdict',
    text: 'verdict',
    title: 'What became of what it carried from the span, probe against control; tested by intervention unless it says otherwise',
  },
];

function table(context: Context, model: HeadsModel): HTMLElement {
  const { view, set, link } = context;
  const key: HeadKey = COLUMNS.find((c) => c.key === view.sort)?.key ?? 'strength';
  const descending = view.ascending !== true;
  const all = view.allHeads === true;
  const columns = COLUMNS.filter((c) =>
    c.key === 'effect'
      ? model.tested
      : c.key === 'verdict'
        ? model.judged
        : model.span !== null || c.key === 'head' || c.key === 'contribution',
  );
  const sorted = sortHeads(model.points, key, descending);
  const shown = all ? sorted : sorted.slice(0, SHOWN);
  const rows = shown.map((p) => {
    const value = (k: (typeof COLUMNS)[number]['key']): string =>
      k === 'head'
        ? p.name
        : k === 'verdict'
          ? verdictText(p)
          : k !== 'attention'
            ? fixed(p[k])
            : p.attention === null
              ? '–'
              : `${(100 * p.attention).toFixed(1)} %`;
    return h(
      'tr',
      {
        key: `head.${p.layer}.${p.head}`,
        title: p.tip.join('\n'),
        attrs: { tabindex: 0, 'data-head': `${p.layer}.${p.head}` },
        on: {
          pointerenter: () => link.hover({ head: [p.layer, p.head], row: p.layer + 1 }),
          pointerleave: () => link.hover(null),
          focus: () => link.hover({ head: [p.layer, p.head], row: p.layer + 1 }),
          blur: () => link.hover(null),
          click: () => link.toggle({ head: [p.layer, p.head] }),
          keydown: (event) => rowKeys(event as KeyboardEvent, () => link.toggle({ head: [p.layer, p.head] })),
        },
      },
      ...columns.map((c) =>
        h(
          'td',
          {
            class: cellClass(p, c.key),
          },
          value(c.key),
        ),
      ),
    );
  });
  const body = h('tbody', null, ...rows);
  const mark = (): void => {
    const { pinned, current } = link;
    for (const row of rows) {
      const [l, hd] = (row.dataset.head ?? '').split('.').map(Number);
      const isPinned = pinned.head !== null && pinned.head[0] === l && pinned.head[1] === hd;
      row.classList.toggle('pinned', isPinned);
      row.setAttribute('aria-selected', String(isPinned));
      row.classList.toggle('marked', current.head ? current.head[0] === l && current.head[1] === hd : current.row === l! + 1);
    }
  };
  mark();
  context.onDispose(link.watch(mark));
  const head = h(
    'tr',
    null,
    ...columns.map((c) =>
      h(
        'th',
        {
          class: c.key === 'fromSpan' ? 'spare' : c.key === 'verdict' ? 'head-verdict' : '',
          title: c.title,
          attrs: { scope: 'col', 'aria-sort': c.key === key ? (descending ? 'descending' : 'ascending') : null },
        },
        h(
          'button',
          {
            class: 'sort',
            key: `sort.${c.key}`,
            attrs: { type: 'button' },
            on: { click: () => set({ sort: c.key, ascending: c.key === key ? descending : false }) },
          },
          `${c.text}${c.key === key ? (descending ? ' ↓' : ' ↑') : ''}`,
        ),
      ),
    ),
  );
  return h(
    'div',
    { class: 'heads-table' },
    h(
      'div',
      { class: 'table-box tall', attrs: { role: 'region', 'aria-label': 'Heads, sortable', tabindex: 0 } },
      h('table', { class: 'table rows', attrs: { 'aria-label': 'Heads' } }, h('thead', null, head), body),
    ),
    h(
      'p',
      { class: 'note' },
      `Select a head to see what it attends to. Nats; ${model.tested ? '“cut off” is tested by intervention, the other numbers are read off' : 'all numbers are read off'}. `,
      model.judged ? methodLink(context, 'What the verdicts mean', METHODS.verdicts) : 'Verdicts of heads: not checked. ',
      ' ',
      model.points.length > SHOWN
        ? h(
            'button',
            { class: 'link', key: 'all-heads', attrs: { type: 'button' }, on: { click: () => set({ allHeads: !all }) } },
            all ? `Show the first ${SHOWN}` : `Show all ${model.points.length}`,
          )
        : null,
    ),
  );
}

/** Numbers to the right, contributions in the colour of what they are for; faint where they do not clear their null. */
function cellClass(point: HeadPoint, key: HeadKey): string {
  if (key === 'head') return '';
  if (key === 'verdict') return `head-verdict${point.verdict && doubtsOf(point.verdict).length > 0 ? ' doubtful' : ''}`;
  const side = key === 'contribution' ? (point.contribution < 0 ? ' toward-rival' : ' toward-answer') : '';
  return `num${key === 'fromSpan' ? ' spare' : ''}${side}${point.within[key as keyof HeadPoint['within']] ? ' doubtful' : ''}`;
}

function rowKeys(event: KeyboardEvent, pin: () => void): void {
  const row = event.currentTarget as HTMLElement;
  const move = (to: Element | null): void => {
    if (to instanceof HTMLElement) to.focus();
    event.preventDefault();
  };
  if (event.key === 'ArrowDown') move(row.nextElementSibling);
  else if (event.key === 'ArrowUp') move(row.previousElementSibling);
  else if (event.key === 'Enter' || event.key === ' ') {
    pin();
    event.preventDefault();
  }
}
