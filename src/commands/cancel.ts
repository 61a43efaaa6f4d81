import type { Edit } from '../engine/api.js';
import { klDivergence } from '../methods/competition.js';
import { logSoftmax, margin } from '../methods/lens.js';
import { Random } from '../methods/random.js';
import { argmax, mean, quantile, standardDeviation } from '../methods/statistics.js';
import { doubtsOf } from '../residue/standing.js';
import type { CommandOutcome, NullBand } from '../residue/types.js';
import { canCut, ghostVariants, judgeGhost } from '../run/heads/ghosts.js';
import { verdictNulls } from '../run/heads/nulls.js';
import { observedVerdicts, sceneOf } from '../run/heads/verdicts.js';
import { marginsAtEnd } from '../run/edited.js';
import { prefixOf } from '../run/prefix.js';
import { headContributions, headLabel, meanZ, outputsOf, scaleHeads, type HeadName, type Where } from '../run/value/heads.js';
import type { Span } from '../methods/attention.js';
import { sourceSpan } from '../run/patterns.js';
import { count, nats, plain, quote } from '../run/words.js';
import { spanSchema } from './schema.js';
import { contest, range } from './shared.js';
import type { Command, CommandContext } from './types.js';

interface CancelParams {
  below?: number;
  span?: string;
}

/** Random sets of as many heads that are ablated beside the chosen ones. */
const NULL_SETS = 16;

export const cancel: Command<CancelParams> = {
  name: 'CANCEL',
  summary: 'Ablates every head of low salience at once, and measures what the output keeps.',
  docs: `**CANCEL** tests whether the heads that seem not to matter matter.

- *salience* of a head (nats, read off): |its contribution at p to the margin| (direct logit attribution, Elhage et al. 2021).
- Every head whose salience is less than the \`below\`-quantile of all is ablated at once: its z is set to zero, or to its mean over the control and the paraphrases
  (of the prompt itself without either); at p alone, and at every position. Low salience at p says nothing of what a head does for later layers: the two differ by that.
- *kl* (nats): KL divergence of the output from the unchanged one. *effect* (nats): margin then − margin before. Zero, every position, unless it says otherwise.
- *p*: ${NULL_SETS} random sets of as many heads are ablated alike; p = (1 + sets that keep the output as close) / ${NULL_SETS + 1}.
- *ghost heads*, as in the verdicts of heads: attention to the span beyond what is even and above the 95th percentile of random spans of its length, contribution from it within the 95th
  percentile of theirs (or next to nothing), and cutting the head off from the span changes the margin by no more than the 95th percentile of cutting it off from up to 16 of them.

The ablations are **tested by intervention**; salience is **read off**.`,
  params: {
    type: 'object',
    additionalProperties: false,
    properties: {
      below: {
        type: 'number',
        minimum: 0,
        maximum: 1,
        default: 0.5,
        description: 'Quantile of salience under which heads are ablated. Default 0.5.',
      },
      span: { ...spanSchema, description: 'Span whose ghost heads are looked for. Default: the span that the shell is about.' },
    },
  },
  snippet: 'CANCEL: { below: ${1:0.5} }',
  measures: {
    heads: { unit: 'heads', evidence: 'observed', summary: 'How many heads are under the quantile.' },
    effect: { unit: 'nats', summary: 'Margin with them zeroed everywhere minus margin unchanged.' },
    kl: { unit: 'nats', summary: 'KL divergence of that output from the unchanged one.' },
    top1Kept: { unit: '', summary: 'Whether the model still says the same token.' },
    meanEffect: { unit: 'nats', summary: 'The effect with means in place of zeros.' },
    meanKl: { unit: 'nats', summary: 'The KL divergence with means in place of zeros.' },
    answerEffect: { unit: 'nats', summary: 'The effect of zeroing them at the answer position alone.' },
    p: { unit: '', summary: 'Share of random sets of as many heads that keep the output as close.' },
    ghosts: { unit: 'heads', summary: 'How many heads look at the span and do nothing with it.' },
  },
  async run(context, params) {
    const { model, probe, trace, signal } = context;
    const { answer, strongest } = contest(context);
    const all = await headContributions(model, probe, answer, strongest, signal);
    const limit = quantile(
      all.map(({ contribution }) => Math.abs(contribution)),
      params.below ?? 0.5,
    );
    const chosen = all.filter(({ contribution }) => Math.abs(contribution) < limit);
    const outputs = await ablated(context, all, chosen);
    const name = params.span ?? sourceSpan(context.shell, probe.prompt.spans);
    const span = name === null ? undefined : probe.prompt.spans[name];
    const ghosts = span ? await ghostHeads(context, span) : null;
    return report(params, { all, chosen, limit, ...outputs, ghosts, span: span ? name : null, base: trace.scores!.margin });
  },
};

interface Kept {
  margin: number;
  kl: number;
  probability: number;
  says: string;
  same: boolean;
}

interface Ablated {
  rows: { kind: 'zero' | 'mean'; where: Where; kept: Kept }[];
  nulls: number[];
}

async function ablated(context: CommandContext, all: readonly HeadName[], chosen: readonly HeadName[]): Promise<Ablated> {
  const { model, probe, control, paraphrases, seed, signal } = context;
  const { answer, rivals } = contest(context);
  const unchanged = logSoftmax(probe.result.logits!.data);
  const said = argmax(unchanged);
  const read = (logits: Float32Array): Kept => {
    const row = logSoftmax(logits);
    const top = argmax(row);
    return {
      margin: margin(row, answer, rivals),
      kl: klDivergence(unchanged, row),
      probability: Math.exp(row[answer]!),
      says: model.tokenizer.token(top),
      same: top === said,
    };
  };
  const others = [...(control ? [control.prompt.ids] : []), ...paraphrases.map(({ ids }) => ids)];
  const means = await meanZ(model, others.length > 0 ? others : [probe.prompt.ids], signal);
  const replaced = (where: Where): Edit[] =>
    chosen.map(({ layer, head }) => ({
      kind: 'replace',
      at: 'z',
      layer,
      head,
      positions: where === 'all' ? 'all' : [probe.position],
      value: means[layer]![head]!,
    }));
  const steps = 4 + NULL_SETS;
  const progress = (from: number) => ({ signal, onProgress: (done: number) => context.progress(from + done, steps) });
  const rows: Ablated['rows'] = [];
  for (const where of ['all', 'answer'] as const) {
    const variants = [scaleHeads(chosen, 0, where, probe.position), replaced(where)];
    const kept = await outputsOf(model, probe.prompt.ids, variants, read, where, progress(rows.length));
    rows.push({ kind: 'zero', where, kept: kept[0]! }, { kind: 'mean', where, kept: kept[1]! });
  }
  const random = new Random(seed);
  const sets = chosen.length === 0 ? [] : range(NULL_SETS).map(() => random.sample(all.length, chosen.length).map((i) => all[i]!));
  const nulls = await outputsOf(
    model,
    probe.prompt.ids,
    sets.map((set) => scaleHeads(set, 0, 'all', probe.position)),
    (logits) => klDivergence(unchanged, logSoftmax(logits)),
    'all',
    progress(4),
  );
  return { rows, nulls };
}

interface Ghost extends HeadName {
  attention: number;
  contribution: number;
  effect: number;
  /** 95th percentile of the sizes of the effects of random spans. */
  null95: number;
  /** Its attention to the span beside that to random spans, over all heads: what the verdict is judged by. */
  null: NullBand | null;
}

/** The ghost heads of a span, as the verdicts of heads define them; empty where the prompt has no room for random spans. */
async function ghostHeads(context: CommandContext, span: Span): Promise<Ghost[]> {
  const { model, probe, seed, signal } = context;
  const { answer, rivals, strongest } = contest(context);
  const scene = await sceneOf(model, probe, span, { answer, rival: strongest }, seed, signal);
  if (scene.nulls.length === 0 || !canCut(scene)) return [];
  const { verdicts, heads, nothing } = observedVerdicts(model, scene, null, 0);
  const silent = verdicts.filter((one) => one.silent);
  if (silent.length === 0) return [];
  const variants = silent.map((one) => ghostVariants(scene, one));
  const margins = await marginsAtEnd(
    model,
    await prefixOf(model, probe.prompt.ids, signal),
    [[], ...variants.flat()],
    { answer, rivals },
    { signal },
  );
  const nullOf = verdictNulls(scene, null, 1);
  let at = 1;
  return silent.flatMap(({ layer, head }, i): Ghost[] => {
    const effects = margins.slice(at, (at += variants[i]!.length)).map((m) => m - margins[0]!);
    const { effect, null95, ghost } = judgeGhost(effects, nothing);
    const { attention, write } = heads[layer * model.spec.nHeads + head]!.probe;
    return ghost ? [{ layer, head, attention, contribution: write, effect, null95: null95!, null: nullOf('ghost', layer, head) }] : [];
  });
}

interface Cancelled extends Ablated {
  all: readonly (HeadName & { contribution: number })[];
  chosen: readonly (HeadName & { contribution: number })[];
  limit: number;
  ghosts: Ghost[] | null;
  span: string | null;
  base: number;
}

/** Which of the ghosts look at the span no more than a head picked from all of them looks at random spans. */
function withinNull(ghosts: readonly Ghost[]): string {
  const doubtful = ghosts.filter((one) => doubtsOf(one).length > 0);
  if (doubtful.length === 0) return '';
  return ` Within their null, judged as picked from all heads: ${doubtful.length === ghosts.length ? 'all of them' : doubtful.map(headLabel).join(', ')}.`;
}

function report(params: CancelParams, { all, chosen, limit, rows, nulls, ghosts, span, base }: Cancelled): CommandOutcome {
  const kept = (kind: 'zero' | 'mean', where: Where): Kept => rows.find((row) => row.kind === kind && row.where === where)!.kept;
  const zero = kept('zero', 'all');
  const p = nulls.length === 0 ? null : (1 + nulls.filter((kl) => kl <= zero.kl).length) / (1 + nulls.length);
  const change = (to: number): string => `${to < base ? 'lowers' : 'raises'} the margin by ${nats(Math.abs(to - base))}`;
  const findings = [
    chosen.length === 0
      ? `No head is under the quantile, so nothing was ablated.`
      : `Zeroing the ${chosen.length} of ${count(all.length, 'head')} under ${nats(limit)} of salience everywhere ${change(zero.margin)} and moves the output by ${plain(zero.kl)} nats of KL divergence; the model ${zero.same ? 'still says' : 'now says'} ${quote(zero.says)} (tested by intervention).`,
    ...(chosen.length === 0
      ? []
      : [
          `At the answer position alone it ${change(kept('zero', 'answer').margin)}; with means in place of zeros everywhere it ${change(kept('mean', 'all').margin)} (tested by intervention).`,
          `Random sets of as many heads move the output by ${plain(mean(nulls))} nats on average (${plain(standardDeviation(nulls))} standard deviation; p = ${plain(p!, 2)}; tested by intervention).`,
        ]),
    ...(ghosts === null
      ? []
      : [
          ghosts.length === 0
            ? `No ghost heads: every head that looks at ${quote(span!)} more than at random spans writes from it or is missed.`
            : `${count(ghosts.length, 'ghost head')} on ${quote(span!)}: ${ghosts.map(headLabel).join(', ')} look${ghosts.length === 1 ? 's' : ''} at it, but writing from it and cutting it off do no more than on random spans, or next to nothing (tested by intervention).${withinNull(ghosts)}`,
        ]),
  ];
  const under = new Set(chosen.map(headLabel));
  return {
    name: 'CANCEL',
    params: { ...params },
    evidence: 'caused',
    findings,
    values: {
      heads: chosen.length,
      effect: zero.margin - base,
      kl: zero.kl,
      top1Kept: zero.same,
      meanEffect: kept('mean', 'all').margin - base,
      meanKl: kept('mean', 'all').kl,
      answerEffect: kept('zero', 'answer').margin - base,
      p,
      ghosts: ghosts && ghosts.length,
    },
    curves: [],
    tables: [
      {
        title: 'What the output keeps',
        evidence: 'caused',
        columns: [
          { label: 'ablation' },
          { label: 'positions' },
          { label: 'margin', unit: 'nats' },
          { label: 'effect', unit: 'nats' },
          { label: 'KL', unit: 'nats' },
          { label: 'p(answer)' },
          { label: 'says' },
        ],
        rows: rows.map(({ kind, where, kept: one }) => [
          kind,
          where === 'all' ? 'all' : 'answer alone',
          one.margin,
          one.margin - base,
          one.kl,
          one.probability,
          quote(one.says),
        ]),
      },
      ...(ghosts
        ? [
            {
              title: `Ghost heads on ${quote(span!)}`,
              evidence: 'caused' as const,
              columns: [
                { label: 'head' },
                { label: 'attention', unit: 'share' },
                { label: 'contribution', unit: 'nats' },
                { label: 'effect of cutting', unit: 'nats' },
                { label: '95 % of random spans', unit: 'nats' },
                { label: 'q of its attention' },
                { label: 'doubt' },
              ],
              rows: ghosts.map((one) => [
                headLabel(one),
                one.attention,
                one.contribution,
                one.effect,
                one.null95,
                one.null?.q ?? null,
                doubtsOf(one).join(', '),
              ]),
            },
          ]
        : []),
      {
        title: 'Salience of heads',
        evidence: 'observed',
        columns: [{ label: 'head' }, { label: 'salience', unit: 'nats' }, { label: 'ablated' }],
        rows: [...all]
          .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution))
          .map((one) => [headLabel(one), Math.abs(one.contribution), under.has(headLabel(one))]),
      },
    ],
  };
}
