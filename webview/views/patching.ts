import type { Plugin } from 'chart.js';
import { h } from '../dom.js';
import { causedLayers, causedWords } from '../../src/residue/interval.js';
import { strongestPatches } from '../model/cause.js';
import { number } from '../model/format.js';
import { METHODS } from '../../src/method-anchors.js';
import { diverging, patchedIn, PATCHED_NAMES, patchingModel, type PatchingModel } from '../model/patching.js';
import { place } from '../model/place.js';
import { rampColours } from '../theme.js';
import { verifyAsk } from '../model/view.js';
import { choice, runButton } from '../ui.js';
import { setFont } from './plot.js';
import type { Context } from './context.js';
import { figure } from './figure.js';
import { cellSize, heatMap } from './heat.js';
import { key } from './legend.js';
import { rampBar } from './ramp.js';

/** Steps on either side of no recovery. */
const STEPS = 32;
/** Patches named under the map. */
const STRONGEST = 3;

/** Where activations of the control bring the answer back: layer × position for a hook of the stream, layer × head for heads. */
export function patchingView(context: Context): HTMLElement | null {
  const run = context.selection.shown;
  const hooks = run ? patchedIn(run) : [];
  const at = hooks.find((hook) => hook === context.view.patching) ?? hooks[0];
  const model = run && at ? patchingModel(run, at) : null;
  if (!run || !at || !model) return null;
  const { palette } = context;
  const colours = [
    ...rampColours(palette.negative, palette.background, STEPS + 1),
    ...rampColours(palette.background, palette.positive, STEPS + 1).slice(1),
  ];
  const caused = at === 'resid_pre' ? causedLayers(run) : null;
  const body = heatMap(context, {
    key: 'patching',
    label: 'Patching map',
    aria: model.aria,
    rows: model.values.length,
    columns: model.labels.length,
    labels: model.labels,
    labelHeight: at === 'z' ? 36 : 76,
    columnTitle: at === 'z' ? 'head' : '',
    rowTitle: 'layer',
    top: model.spans.length ? 22 : 4,
    colour: (row, column) => colours[Math.round(diverging(model.values[row]?.[column], model.limit) * 2 * STEPS)]!,
    tip: model.tip,
    mark: model.mark,
    rowOf: model.rowOf,
    columnOf: model.columnOf,
    home: model.home,
    plugins: [signs(context, model), spanBars(context, model), causedBar(context, caused, model.values.length)],
  });
  const strongest = strongestPatches(run, at, STRONGEST).map(
    ({ layer, place: where, value }) => `layer ${layer} at ${where}: ${number(value)}`,
  );
  return figure(context, {
    id: 'patching',
    title: 'Patching map',
    evidence: 'caused',
    method: { name: 'activation patching', anchor: METHODS.patching },
    table: model.table,
    body: [
      hooks.length > 1
        ? choice(
            'Patched',
            hooks.map((value) => ({
              value,
              text: PATCHED_NAMES[value],
              title: value === 'z' ? 'hook_z of one head, at the answer position' : `hook_${value}`,
            })),
            at,
            (patching) => context.set({ patching }),
            'patching',
          )
        : null,
      ...body,
      h(
        'div',
        { class: 'legend ramp-legend' },
        h('span', null, `${number(-model.limit)} away`),
        rampBar(colours, 'Colour ramp from away from the answer, over none, to recovery'),
        h('span', null, `${number(model.limit)} recovery`),
        h('span', { class: 'key' }, 'share of the drop that the control’s activation brings back, 1: all of it'),
        caused ? key('caused-bar plain', causedWords(run)!) : null,
      ),
      h('p', { class: 'note' }, `Largest: ${strongest.join('; ')}.`),
      model.complete
        ? null
        : h(
            'p',
            { class: 'note actions' },
            'Positions were patched in groups. ',
            runButton(context, 'Patch each alone', verifyAsk(context.residue), { key: 'verify-full' }),
          ),
    ],
  });
}

/** A minus in every cell that is clearly away from the answer, so that hue is not all that tells it. */
function signs({ palette }: Context, { values, limit }: PatchingModel): Plugin {
  return {
    id: 'patching-signs',
    afterDatasetsDraw(chart) {
      const { ctx, scales } = chart;
      const { w, h } = cellSize(chart, values.length);
      if (h < 8 || w < 8) return;
      ctx.save();
      ctx.strokeStyle = palette.foreground;
      ctx.lineWidth = 1.5;
      const from = Math.ceil(scales.x!.min);
      const to = Math.floor(scales.x!.max);
      values.forEach((line, row) => {
        for (let column = from; column <= to; column++) {
          if ((line[column] ?? 0) > -0.25 * limit) continue;
          const x = scales.x!.getPixelForValue(column);
          const y = Math.round(scales.y!.getPixelForValue(row));
          ctx.beginPath();
          ctx.moveTo(x - 3, y);
          ctx.lineTo(x + 3, y);
          ctx.stroke();
        }
      });
      ctx.restore();
    },
  };
}

/** The marked spans as bars with their names over the columns that they cover. */
function spanBars({ palette }: Context, { spans }: PatchingModel): Plugin {
  return {
    id: 'patching-spans',
    afterDatasetsDraw(chart) {
      const { ctx, chartArea: a, scales } = chart;
      const { min, max } = scales.x!;
      ctx.save();
      setFont(chart, palette);
      ctx.textBaseline = 'top';
      const height = palette.size + 2;
      const seen = spans
        .filter(({ from, to }) => to - 0.5 > min && from - 0.5 < max)
        .map((span) => ({
          ...span,
          left: scales.x!.getPixelForValue(Math.max(min, span.from - 0.5)),
          right: scales.x!.getPixelForValue(Math.min(max, span.to - 0.5)),
        }));
      const boxes = place(
        seen.map(({ name, left, right }) => {
          const w = Math.ceil(ctx.measureText(name).width) + 4;
          return { w, h: height, at: [left, right - w, (left + right - w) / 2].map((x) => ({ x, y: a.top - height - 6 })) };
        }),
        { x: a.left, y: 0, w: a.right - a.left, h: a.top },
      );
      seen.forEach(({ name, index, left, right }, i) => {
        ctx.fillStyle = palette.spans[index % palette.spans.length]!;
        ctx.fillRect(left + 1, a.top - 5, right - left - 2, 3);
        const box = boxes[i];
        if (!box) return;
        ctx.fillStyle = palette.foreground;
        ctx.fillText(name, box.x + 2, box.y);
      });
      ctx.restore();
    },
  };
}

/** The caused interval as a solid bar on the axis of layers. */
function causedBar({ palette }: Context, rows: [number, number] | null, layers: number): Plugin {
  return {
    id: 'patching-caused',
    afterDatasetsDraw(chart) {
      if (!rows) return;
      const { ctx, chartArea: a, scales } = chart;
      const { h } = cellSize(chart, layers);
      // The last row of the stream comes after the last block, where nothing is patched.
      const [from, to] = rows.map((row) => scales.y!.getPixelForValue(Math.min(layers - 0.5, row))) as [number, number];
      ctx.save();
      ctx.fillStyle = palette.foreground;
      const top = Math.max(a.top, to - h / 2);
      ctx.fillRect(a.left - 5, top, 4, Math.max(4, Math.min(a.bottom, from + h / 2) - top));
      ctx.restore();
    },
  };
}
