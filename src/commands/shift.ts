import type { Evidence } from '../residue/evidence.js';
import type { CommandOutcome } from '../residue/types.js';
import { readAnchors } from '../run/temporal/anchors.js';
import { checkGap, gapAt, gapsOf, largestGap } from '../run/temporal/positions.js';
import { runShifted } from '../run/temporal/shift.js';
import type { TracedRun } from '../run/types.js';
import { nats, plain, quote } from '../run/words.js';
import { anchorsOf, anchorsSchema, betweenSchema, checkRight, missingSpan, rightSchema, summarise, type AnchorSummary } from './anchors.js';
import { CLAIM, contest, withoutSpan } from './shared.js';
import type { Command, CommandContext } from './types.js';

interface ShiftParams {
  between: [string, string];
  gaps?: number[];
  anchors?: string[];
  right?: string;
}

const NOTHING = {
  effect: null,
  margin: null,
  gap: null,
  flipGap: null,
  attended: null,
  attendedShifted: null,
  attendedChanges: null,
  written: null,
  writtenShifted: null,
  writtenChanges: null,
  changeGap: null,
  rightMassChange: null,
  controlEffect: null,
};

/** Gaps that one command may measure. */
const MAX_GAPS = 32;
const MAX_GAP = 2 ** 20;

export const shift: Command<ShiftParams> = {
  name: 'SHIFT',
  summary: 'Opens a gap in the position ids between two spans and follows margin and attended anchor as it grows.',
  docs: `**SHIFT** moves the position ids of every token from the later of two spans on by n, the tokens and their order unchanged, and runs the prompt again: to the model the two
moments lie n tokens farther apart. RoPE turns queries and keys by the new ids; learned positions are looked up at them.

- *effect* (nats): margin at the largest gap − margin at gap 0. *flipGap*: the first gap at which the margin has the other sign.
- the *attended* and the *written* anchor at every gap, as REMEMBER reads them (attention mass, mean over all heads; heads' writing toward the anchor's own tokens), and *changeGap*, the first gap at which either is another.

Without \`gaps\`: 1, 2, 4 … 128, as far as they fit. A gap that leaves the model's context, or its table of learned positions, is refused before anything is run. The control is
shifted likewise if it has both spans. The null of *effect* is a gap as large before up to 32 other tokens, none of which lies between the two spans. The margins are **tested by intervention**; the anchors are read off the shifted runs.`,
  params: {
    type: 'object',
    required: ['between'],
    additionalProperties: false,
    properties: {
      between: betweenSchema,
      gaps: {
        type: 'array',
        minItems: 1,
        maxItems: MAX_GAPS,
        uniqueItems: true,
        description: 'Gaps to measure besides 0, in positions. Default 1, 2, 4 … 128, as far as they fit.',
        'x-expected': 'a list of whole numbers, such as [8, 32, 128]',
        items: { type: 'integer', minimum: 0, maximum: MAX_GAP, 'x-expected': 'a number of positions' },
      },
      anchors: anchorsSchema("The anchors that are followed. Default those of the shell's REMEMBER, else the two spans."),
      right: rightSchema,
    },
  },
  snippet: 'SHIFT: { between: [${1:noon}, ${2:question}], gaps: [${3:8, 32, 128}] }',
  measures: {
    effect: { unit: 'nats', summary: 'Margin at the largest gap minus margin without.' },
    margin: { unit: 'nats', summary: 'Margin at the largest gap.' },
    gap: { unit: 'positions', summary: 'The largest gap measured.' },
    flipGap: { unit: 'positions', summary: 'The smallest gap at which the margin has the other sign.' },
    attended: { unit: '', evidence: 'observed', summary: 'The most attended anchor without a gap.' },
    attendedShifted: { unit: '', evidence: 'observed', summary: 'The most attended anchor at the largest gap.' },
    attendedChanges: { unit: '', evidence: 'observed', summary: 'Whether the most attended anchor is another at some gap.' },
    written: { unit: '', evidence: 'observed', summary: 'The most written anchor without a gap.' },
    writtenShifted: { unit: '', evidence: 'observed', summary: 'The most written anchor at the largest gap.' },
    writtenChanges: { unit: '', evidence: 'observed', summary: 'Whether the most written anchor is another at some gap.' },
    changeGap: {
      unit: 'positions',
      evidence: 'observed',
      summary: 'The smallest gap at which the attended or the written anchor is another.',
    },
    rightMassChange: {
      unit: 'share',
      evidence: 'observed',
      summary: "The right anchor's attention mass at the largest gap minus that without.",
    },
    controlEffect: { unit: 'nats', summary: 'The effect in the control.' },
  },
  check(spec, probe, params, { shell, control }) {
    checkRight(anchorsOf(shell, params, params.between), 'SHIFT');
    for (const prompt of [probe, ...(control ? [control] : [])]) {
      if (gapAt(prompt, params.between, 'SHIFT') !== null && params.gaps) {
        checkGap(spec, prompt, Math.max(...params.gaps), 'SHIFT.gaps');
      }
    }
  },
  async run(context, params) {
    const { model, shell, probe, control } = context;
    const asked = anchorsOf(shell, params, params.between);
    const missing = missingSpan(probe.prompt, [...params.between, ...asked.anchors]);
    if (missing !== null) return withoutSpan('SHIFT', { ...params }, missing, NOTHING);
    const twin = control && missingSpan(control.prompt, [...params.between, ...asked.anchors]) === null ? control : null;
    const longest = Math.max(probe.prompt.ids.length, twin?.prompt.ids.length ?? 0);
    const gaps = gapsOf(params.gaps, largestGap(model.spec, longest));
    const steps = gaps.length * (twin ? 2 : 1);
    const here = await series(context, probe, params, asked.anchors, gaps, (done) => context.progress(done, steps));
    const there = twin
      ? await series(context, twin, params, asked.anchors, gaps, (done) => context.progress(gaps.length + done, steps))
      : null;
    return report(params, asked, here, there, (id) => model.tokenizer.token(id));
  },
  claims({ params, values: { effect, gap } }) {
    if (typeof effect !== 'number' || typeof gap !== 'number' || Math.abs(effect) < CLAIM) return [];
    const [a, b] = (params['between'] as string[]).map((span) => quote(span));
    return [`position alone matters: a gap of ${gap} between ${a} and ${b} ${effect < 0 ? 'costs' : 'gains'} ${nats(Math.abs(effect))}`];
  },
  async again(context, { between }, { values: { gap } }) {
    const { model, probe, trace, signal } = context;
    if (typeof gap !== 'number' || missingSpan(probe.prompt, between) !== null) return null;
    const [one, two] = between.map((name) => probe.prompt.spans[name]![0]) as [number, number];
    if (one === two || gap > largestGap(model.spec, probe.prompt.ids.length)) return null;
    const { margin, run } = await runShifted(model, probe.prompt, Math.max(one, two), gap, contest(context), signal);
    run.result.release();
    return margin - trace.scores!.margin;
  },
};

interface Point {
  gap: number;
  margin: number;
  top: { id: number; prob: number };
  sum: AnchorSummary;
}

async function series(
  context: CommandContext,
  { prompt }: TracedRun,
  { between }: ShiftParams,
  anchors: readonly string[],
  gaps: readonly number[],
  progress: (done: number) => void,
): Promise<Point[]> {
  const { model, signal } = context;
  const at = gapAt(prompt, between, 'SHIFT')!;
  const points: Point[] = [];
  for (const gap of gaps) {
    const { run, margin, top } = await runShifted(model, prompt, at, gap, contest(context), signal);
    points.push({ gap, margin, top, sum: summarise(await readAnchors(model, run, anchors, signal), run.position + 1) });
    run.result.release();
    progress(points.length);
  }
  return points;
}

function report(
  params: ShiftParams,
  { anchors, right }: { anchors: string[]; right: string | null },
  here: readonly Point[],
  there: readonly Point[] | null,
  token: (id: number) => string,
): CommandOutcome {
  const first = here[0]!;
  const last = here.at(-1)!;
  const name = (index: number | null): string | null => (index === null ? null : anchors[index]!);
  const called = (index: number | null): string => (index === null ? 'none of the anchors' : quote(anchors[index]!));
  const flip = here.find(({ margin }) => margin < 0 !== first.margin < 0)?.gap ?? null;
  const attendedChange = here.find(({ sum }) => sum.attended !== first.sum.attended);
  const writtenChange = here.find(({ sum }) => sum.writes !== first.sum.writes);
  const changeGap = here.find((point) => point === attendedChange || point === writtenChange)?.gap ?? null;
  const effect = last.margin - first.margin;
  const controlEffect = there && there.at(-1)!.margin - there[0]!.margin;
  const rightAt = right === null ? -1 : anchors.indexOf(right);
  const change = (value: number): string => `${value < 0 ? 'lowers' : 'raises'} the margin by ${nats(Math.abs(value))}`;
  const [a, b] = params.between.map((span) => quote(span));
  const findings = [
    here.length === 1
      ? `The margin is ${nats(first.margin)}; no gap but 0 was measured.`
      : `A gap of ${last.gap} positions between ${a} and ${b} ${change(effect)}, from ${plain(first.margin)} to ${plain(last.margin)}${flip === null ? '; its sign stays' : `; its sign turns at a gap of ${flip}`} (tested by intervention).`,
    ...(controlEffect === null || here.length === 1
      ? []
      : [`In the control the same gap ${change(controlEffect)} (tested by intervention).`]),
    attendedChange
      ? `The most attended anchor is ${called(first.sum.attended)} without a gap, and ${called(attendedChange.sum.attended)} at ${attendedChange.gap} (read off).`
      : `The most attended anchor stays ${called(first.sum.attended)} at every gap (read off).`,
    writtenChange
      ? `The most written anchor is ${called(first.sum.writes)} without a gap, and ${called(writtenChange.sum.writes)} at ${writtenChange.gap} (read off).`
      : `The most written anchor stays ${called(first.sum.writes)} at every gap (read off).`,
  ];
  const x = here.map(({ gap }) => gap);
  const curve = (title: string, evidence: Evidence, yLabel: string, unit: string, lines: CommandOutcome['curves'][number]['series']) => ({
    title,
    evidence,
    xLabel: 'gap in positions',
    yLabel,
    unit,
    x,
    series: lines,
  });
  const byAnchor = (points: readonly Point[], of: (sum: AnchorSummary) => readonly (number | null)[]) =>
    anchors.map((label, i) => ({ label, y: points.map(({ sum }) => of(sum)[i]!) }));
  return {
    name: 'SHIFT',
    params: { ...params },
    evidence: 'caused',
    findings,
    values: {
      effect,
      margin: last.margin,
      gap: last.gap,
      flipGap: flip,
      attended: name(first.sum.attended),
      attendedShifted: name(last.sum.attended),
      attendedChanges: attendedChange !== undefined,
      written: name(first.sum.writes),
      writtenShifted: name(last.sum.writes),
      writtenChanges: writtenChange !== undefined,
      changeGap,
      rightMassChange: rightAt < 0 ? null : last.sum.mass[rightAt]! - first.sum.mass[rightAt]!,
      controlEffect,
    },
    curves: [
      curve('Margin as the gap grows', 'caused', 'margin', 'nats', [
        { label: 'probe', y: here.map(({ margin }) => margin) },
        ...(there ? [{ label: 'control', y: there.map(({ margin }) => margin) }] : []),
      ]),
      curve(
        'Attention to each anchor as the gap grows',
        'observed',
        'attention',
        'share, mean over heads',
        byAnchor(here, (sum) => sum.mass),
      ),
      curve(
        "Written toward each anchor's own tokens as the gap grows",
        'observed',
        'contribution',
        'nats',
        byAnchor(here, (sum) => sum.written),
      ),
    ],
    tables: [
      {
        title: 'What each gap does',
        evidence: 'caused',
        columns: [
          { label: 'gap', unit: 'positions' },
          { label: 'margin', unit: 'nats' },
          { label: 'says' },
          { label: 'probability' },
          ...(there ? [{ label: 'margin in control', unit: 'nats' }] : []),
        ],
        rows: here.map(({ gap, margin, top }, i) => [gap, margin, token(top.id), top.prob, ...(there ? [there[i]!.margin] : [])]),
      },
      {
        title: 'The anchors at each gap',
        evidence: 'observed',
        columns: [
          { label: 'gap', unit: 'positions' },
          { label: 'attends to' },
          { label: 'writes' },
          ...(there ? [{ label: 'attends to in control' }, { label: 'writes in control' }] : []),
        ],
        rows: here.map(({ gap, sum }, i) => [
          gap,
          name(sum.attended),
          name(sum.writes),
          ...(there ? [name(there[i]!.sum.attended), name(there[i]!.sum.writes)] : []),
        ]),
      },
    ],
  };
}
