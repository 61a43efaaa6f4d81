import { repeatedEnd } from '../methods/induction.js';
import { argmax, mean } from '../methods/statistics.js';
import type { CommandOutcome } from '../residue/types.js';
import { inductionScores, prefixMatching } from '../run/temporal/induction.js';
import { checkGap, gapAt, gapsOf, largestGap } from '../run/temporal/positions.js';
import { runShifted, type Shifted } from '../run/temporal/shift.js';
import { count, nats, plain, quote } from '../run/words.js';
import type { Shell } from '../shell/types.js';
import { betweenSchema, missingSpan } from './anchors.js';
import { contest, range, withoutSpan } from './shared.js';
import type { Command } from './types.js';

interface PredictParams {
  between?: [string, string];
  gap?: number;
}

const NOTHING = {
  margin: null,
  marginShifted: null,
  effect: null,
  controlEffect: null,
  says: null,
  saysShifted: null,
  induction: null,
  inductionHead: null,
  inductionShifted: null,
  prefixMatching: null,
  prefixMatchingHead: null,
  prefixMatchingShifted: null,
  repeatPredicts: null,
  repeatLength: null,
  saysRepeat: null,
};

export const predict: Command<PredictParams> = {
  name: 'PREDICT',
  summary: 'Measures how well the next event is told, and which heads only continue what stood there before, with and without a shift.',
  docs: `**PREDICT** asks whether the model tells the next event, or repeats an earlier one.

- *margin* (nats): the next event (the shell's answer) against its rivals at p, without and with a gap of \`gap\` positions between two spans (see SHIFT).
- *induction score* of each head on the prompt (share): over all tokens that stood there before, the mean attention to what followed them then (Olsson et al. 2022).
- *prefix matching* of each head (share): the same on 25 random tokens repeated four times, as Olsson et al. measure it; with the gap, over the last repetition alone, the gap before it. A head that finds its match by content keeps its score; one that counts positions loses it.
- *repeatPredicts*: the token that followed the longest earlier stretch equal to the prompt's end: what copying alone would say.

\`between\` and \`gap\` default to those of the shell's SHIFT (its largest gap); without either, nothing is shifted. With a shift the effect on the margin is **tested by
intervention**; the scores of heads are read off, in both runs.`,
  params: {
    type: 'object',
    additionalProperties: false,
    properties: {
      between: betweenSchema,
      gap: {
        type: 'integer',
        minimum: 1,
        maximum: 2 ** 20,
        description: "The gap in positions. Default the largest of the shell's SHIFT.",
        'x-expected': 'a number of positions',
      },
    },
  },
  snippet: 'PREDICT: {}',
  measures: {
    margin: { unit: 'nats', evidence: 'observed', summary: 'Margin of the next event without a shift.' },
    marginShifted: { unit: 'nats', summary: 'Margin of the next event with the shift.' },
    effect: { unit: 'nats', summary: 'The second minus the first.' },
    controlEffect: { unit: 'nats', summary: 'The same in the control.' },
    says: { unit: '', evidence: 'observed', summary: 'The likeliest token without a shift.' },
    saysShifted: { unit: '', summary: 'The likeliest token with the shift.' },
    induction: { unit: 'share', evidence: 'observed', summary: 'The highest induction score of any head on the prompt.' },
    inductionHead: { unit: '', evidence: 'observed', summary: 'That head.' },
    inductionShifted: { unit: 'share', evidence: 'observed', summary: "That head's score with the shift." },
    prefixMatching: { unit: 'share', evidence: 'observed', summary: 'The highest prefix matching of any head on repeated random tokens.' },
    prefixMatchingHead: { unit: '', evidence: 'observed', summary: 'That head.' },
    prefixMatchingShifted: {
      unit: 'share',
      evidence: 'observed',
      summary: "That head's prefix matching over the last repetition with the gap before it.",
    },
    repeatPredicts: { unit: '', evidence: 'observed', summary: 'The token that repeating the longest earlier stretch would say.' },
    repeatLength: { unit: 'tokens', evidence: 'observed', summary: 'Length of that stretch.' },
    saysRepeat: { unit: '', evidence: 'observed', summary: 'Whether the model says that token.' },
  },
  check(spec, probe, params, { shell, control }) {
    const asked = shiftOf(shell, params);
    if (!asked) return;
    for (const prompt of [probe, ...(control ? [control] : [])]) {
      if (gapAt(prompt, asked.between, 'PREDICT') !== null && asked.gap !== null) checkGap(spec, prompt, asked.gap, 'PREDICT.gap');
    }
  },
  async run(context, params) {
    const { model, shell, probe, control, seed, signal } = context;
    const asked = shiftOf(shell, params);
    const missing = asked && missingSpan(probe.prompt, asked.between);
    if (missing) return withoutSpan('PREDICT', { ...params }, missing, NOTHING);
    const { ids } = probe.prompt;
    const twin = asked && control && missingSpan(control.prompt, asked.between) === null ? control : null;
    const most = largestGap(model.spec, Math.max(ids.length, twin?.prompt.ids.length ?? 0));
    const gap = asked ? (asked.gap ?? gapsOf(undefined, most).at(-1)!) : 0;
    const at = asked ? gapAt(probe.prompt, asked.between, 'PREDICT')! : 0;
    const steps = 3 + (twin ? 2 : 0);
    const run = (to: typeof probe, where: number, by: number): Promise<Shifted> =>
      runShifted(model, to.prompt, where, by, contest(context), signal);
    const plainRun = await run(probe, at, 0);
    context.progress(1, steps);
    const shifted = gap > 0 ? await run(probe, at, gap) : null;
    context.progress(2, steps);
    const matching = await prefixMatching(model, seed, gap, signal);
    context.progress(3, steps);
    let controlEffect: number | null = null;
    if (twin && gap > 0) {
      const there = gapAt(twin.prompt, asked!.between, 'PREDICT')!;
      const [far, near] = [await run(twin, there, gap), await run(twin, there, 0)];
      controlEffect = far.margin - near.margin;
      far.run.result.release();
      near.run.result.release();
      context.progress(steps, steps);
    }
    const repeat = repeatedEnd(ids);
    const outcome = report(params, {
      gap,
      plain: plainRun,
      shifted,
      controlEffect,
      induction: inductionScores(model, plainRun.run.result, ids, 1),
      inductionShifted: shifted && inductionScores(model, shifted.run.result, ids, 1),
      matching,
      repeat: repeat && { id: ids[repeat.follower]!, length: repeat.length },
      token: (id) => model.tokenizer.token(id),
    });
    plainRun.run.result.release();
    shifted?.run.result.release();
    return outcome;
  },
};

/** Where and how far to shift: the command's own, else the shell's SHIFT; null for no shift. `gap` null: the largest default. */
function shiftOf(shell: Shell, { between, gap }: PredictParams): { between: [string, string]; gap: number | null } | null {
  const shift = shell.run.find(({ name }) => name === 'SHIFT')?.params as { between: [string, string]; gaps?: number[] } | undefined;
  const where = between ?? shift?.between;
  if (!where) return null;
  return { between: where, gap: gap ?? (shift?.gaps ? Math.max(...shift.gaps) : null) };
}

interface Predicted {
  gap: number;
  plain: Shifted;
  shifted: Shifted | null;
  controlEffect: number | null;
  induction: number[][];
  inductionShifted: number[][] | null;
  matching: Awaited<ReturnType<typeof prefixMatching>>;
  repeat: { id: number; length: number } | null;
  token: (id: number) => string;
}

function report(params: PredictParams, found: Predicted): CommandOutcome {
  const { gap, shifted, matching, repeat, token } = found;
  const heads = found.induction[0]!.length;
  const headAt = (index: number): string => `${Math.floor(index / heads)}.${index % heads}`;
  const best = argmax(found.induction.flat());
  const bestMatch = matching ? argmax(matching.plain.flat()) : null;
  const says = token(found.plain.top.id);
  const effect = shifted && shifted.margin - found.plain.margin;
  const induction = found.induction.flat()[best]!;
  const inductionShifted = found.inductionShifted?.flat()[best] ?? null;
  const match = bestMatch === null ? null : matching!.plain.flat()[bestMatch]!;
  const matchShifted = bestMatch === null ? null : (matching!.shifted?.flat()[bestMatch] ?? null);
  const percent = (share: number): string => `${plain(100 * share)} %`;
  const findings = [
    shifted
      ? `The next event has a margin of ${nats(found.plain.margin)}, and ${nats(shifted.margin)} with a gap of ${count(gap, 'position')}: the model says ${quote(says)}, then ${quote(token(shifted.top.id))} (tested by intervention).`
      : `The next event has a margin of ${nats(found.plain.margin)}; the model says ${quote(says)} (read off). Nothing was shifted.`,
    repeat
      ? `The prompt's end, ${count(repeat.length, 'token')} long, stood there before; repeating would say ${quote(token(repeat.id))}${repeat.id === found.plain.top.id ? ', as the model does' : ''} (read off).`
      : "The prompt's last token stands there once, so there is nothing to repeat.",
    induction > 0
      ? `On the prompt head ${headAt(best)} has the highest induction score, ${percent(induction)}${inductionShifted === null ? '' : `, ${percent(inductionShifted)} with the gap`} (read off).`
      : 'On the prompt no head has an induction score above 0 % (read off).',
    bestMatch === null
      ? "The model's positions do not hold enough repeated tokens to measure prefix matching."
      : `On ${matching!.block} random tokens repeated four times head ${headAt(bestMatch)} matches prefixes most, ${percent(match!)}${matchShifted === null ? '' : `; over the last repetition ${percent(matching!.last.flat()[bestMatch]!)} without and ${percent(matchShifted)} with the gap`} (read off).`,
  ];
  const layers = range(found.induction.length);
  const highest = (rows: readonly (readonly number[])[]): number[] => rows.map((row) => Math.max(...row));
  return {
    name: 'PREDICT',
    params: { ...params },
    evidence: shifted ? 'caused' : 'observed',
    findings,
    values: {
      margin: found.plain.margin,
      marginShifted: shifted?.margin ?? null,
      effect,
      controlEffect: found.controlEffect,
      says,
      saysShifted: shifted && token(shifted.top.id),
      induction,
      inductionHead: induction > 0 ? headAt(best) : null,
      inductionShifted,
      prefixMatching: match,
      prefixMatchingHead: bestMatch === null ? null : headAt(bestMatch),
      prefixMatchingShifted: matchShifted,
      repeatPredicts: repeat && token(repeat.id),
      repeatLength: repeat?.length ?? null,
      saysRepeat: repeat && repeat.id === found.plain.top.id,
    },
    curves: [
      {
        title: 'Highest induction score on the prompt',
        evidence: 'observed',
        xLabel: 'layer',
        yLabel: 'induction score',
        unit: 'share',
        x: layers,
        series: [
          { label: 'without the gap', y: highest(found.induction) },
          ...(found.inductionShifted ? [{ label: 'with the gap', y: highest(found.inductionShifted) }] : []),
        ],
      },
      ...(matching
        ? [
            {
              title: 'Highest prefix matching over the last repetition of random tokens',
              evidence: 'observed' as const,
              xLabel: 'layer',
              yLabel: 'prefix matching',
              unit: 'share',
              x: layers,
              series: [
                { label: 'without the gap', y: highest(matching.last) },
                ...(matching.shifted ? [{ label: 'with the gap', y: highest(matching.shifted) }] : []),
              ],
            },
          ]
        : []),
    ],
    tables: headTables(found),
  };
}

/** Scores of the heads in the prompt as it is, and in another table those read off the runs with the gap. */
function headTables({ induction, inductionShifted, matching }: Predicted): CommandOutcome['tables'] {
  const table = (title: string, columns: { label: string; values: readonly (readonly number[])[] | null | undefined }[]) => {
    const given = columns.flatMap(({ label, values }) => (values ? [{ label, values }] : []));
    const rows = induction.flatMap((row, l) => row.map((_, h) => [`${l}.${h}`, ...given.map(({ values }) => values[l]![h]!)]));
    rows.sort((x, y) => mean(y.slice(1) as number[]) - mean(x.slice(1) as number[]));
    const columnsOf = [{ label: 'head' }, ...given.map(({ label }) => ({ label, unit: 'share' }))];
    return { title, evidence: 'observed' as const, columns: columnsOf, rows };
  };
  return [
    table('Heads by induction', [
      { label: 'induction', values: induction },
      { label: 'prefix matching', values: matching?.plain },
      { label: 'prefix matching, last repetition', values: matching?.shifted ? matching.last : null },
    ]),
    ...(inductionShifted || matching?.shifted
      ? [
          table('Heads by induction, read off the runs with the gap', [
            { label: 'induction', values: inductionShifted },
            { label: 'prefix matching, last repetition', values: matching?.shifted },
          ]),
        ]
      : []),
  ];
}
