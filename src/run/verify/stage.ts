import type { RunResult } from '../../engine/api.js';
import { alignPrompts, sharedPrefix } from '../../methods/align.js';
import { hasDrop, LEAST_DROP } from '../../methods/recovery.js';
import type { Verification } from '../../residue/types-verify.js';
import { directionOf } from '../attribute.js';
import { forwardCost } from '../cost.js';
import { contestOf } from '../observe.js';
import { runOf } from '../paraphrases.js';
import { sourceSpan } from '../patterns.js';
import type { Ask, Stage, StageContext } from '../stage.js';
import { rowAt } from '../trace.js';
import { nats } from '../words.js';
import { affordable, componentEffects } from './effects.js';
import { cutOff } from './knockout.js';
import { patchAll } from './maps.js';
import { nameOf, namedComponents } from './named.js';
import { CLAIMED, claimedEffects, effectNull, effectOpinion, intervalOpinion, type PatchableParaphrase } from './opinions.js';
import { patchable, variantMargins } from './patching.js';

/** Paraphrases that are run again, to average outputs over their tokens and to ask whether the same is caused in them. */
const POOL = 8;
/** Multiply-adds that verification may cost where nobody asked for it. */
const BUDGET = 2e13;
/** Multiply-adds that taking out named components may cost. */
const ABLATION_BUDGET = 1e12;

/** Causal verification of the headline: patching from the control, knockout of the source span, ablation of the named components. */
export const verification: Stage = {
  name: 'verification',
  label: 'causal verification',
  on: 'headline',
  fills: ['verification'],
  when: ({ shell, options }) => (options.verify ?? shell.verify ?? true) !== false,
  // Curves over all layers, at both places; twelve components in seven ways; the prompts of the pool; three maps within their own budget.
  cost: ({ model }, { ids }) => (model.spec.nLayers / 2 + 50 + 2 * POOL) * forwardCost(model, ids.length),
  budget: (ask) => (asked(ask) ? Infinity : BUDGET),
  overBudget:
    'Causes were not verified: on a model of this size it would take many minutes. --verify, or verify: true in the shell, does it all the same.',
  async run(context) {
    // A prompt that does not fail has nothing to verify, unless somebody asks.
    if (!context.subject.trace.scores!.failed && !asked(context)) return;
    const runs = new Runs(context);
    try {
      context.subject.trace.verification = await verify(context, runs);
    } finally {
      runs.release();
    }
  },
};

/** Whether somebody asked for verification, in the shell or for this run. */
const asked = ({ options, shell }: Pick<Ask, 'options' | 'shell'>): boolean => Boolean(options.verify ?? shell.verify);

/** Runs that were made to be patched or drawn from here, let go together. */
class Runs {
  private readonly all: RunResult[] = [];

  constructor(private readonly context: Pick<StageContext, 'model' | 'signal'>) {}

  async make(ids: readonly number[]): Promise<RunResult> {
    const run = await patchable(this.context.model, ids, this.context.signal);
    this.all.push(run);
    return run;
  }

  release(): void {
    for (const run of this.all) {
      run.release();
      run.cache?.release();
    }
  }
}

async function verify(context: StageContext, runs: Runs): Promise<Verification> {
  const { model, shell, subject, control, planned, paraphrases, seed, signal, options } = context;
  const { prompt, trace } = subject;
  const scores = trace.scores!;
  const contest = contestOf(scores);
  const open: string[] = [];
  const probe = (await subject.traced()).result;
  const source = sourceSpan(shell, prompt.spans);
  const span = source === null ? null : prompt.spans[source]!;
  let done = 0;
  const within = (share: number) => (part: number, total: number) => context.progress(done + (share * part) / Math.max(1, total), 100);

  const others: PatchableParaphrase[] = [];
  for (const [i, { index, prompt: one }] of planned.paraphrases.slice(0, POOL).entries()) {
    const { batch, row } = paraphrases[i]!;
    others.push({ index, run: batch ? runOf(batch, row) : await runs.make(one.ids) });
  }
  const other = control && (await control.traced()).result;
  let patched: Pick<Verification, 'curves' | 'interval' | 'maps' | 'heads'> = { curves: null, interval: null, maps: [], heads: null };
  let aligned = 0;
  const ends: Verification['ends'] = { probe: scores.margin, control: null };
  if (!other || !control) open.push('patching: the shell has no control whose activations could be moved into the probe');
  else {
    ends.control = (await variantMargins(model, other, [[]], contest, { signal }))[0]!;
    const both = { probe: ends.probe, control: ends.control };
    const pairs = alignPrompts(control.prompt, prompt);
    aligned = pairs.length;
    const shared = sharedPrefix(control.prompt.ids, prompt.ids);
    if (!hasDrop(both)) {
      open.push(`patching: the control leads the probe by less than ${nats(LEAST_DROP)}, so there is no drop to bring back`);
    }
    const input = { model, probe, control: other, prompt, pairs, shared, contest, ends: both };
    patched = await patchAll(input, span, options.verify === 'full', { signal, onProgress: within(50) });
    if (patched.curves && patched.curves.source === null) open.push(noSource(source, span, shared));
    if (patched.interval) {
      const found = { ...patched.interval, source };
      patched.interval.opinion = await intervalOpinion(context, { probe, control: other, pairs, shared, ends: both, found }, others);
    }
  }
  done = 50;

  const knockout = source !== null && span && span[1] < prompt.ids.length ? await cutOff(context, probe, source, span, POOL) : null;
  if (!knockout) open.push('knockout: no span is marked that the answer position could be cut off from');

  let effects: Verification['effects'] = [];
  if (!trace.attribution?.rival) open.push('ablation: there is no rival to attribute the margin against');
  else {
    const pool: RunResult[] = [...(other ? [other] : []), ...others.map(({ run }) => run)];
    const traced = await subject.traced();
    const named = namedComponents(trace);
    const budget = options.verify === 'full' ? Infinity : ABLATION_BUDGET;
    const components = affordable(model, named, prompt.ids.length, budget);
    if (components.length < named.length) {
      const left = named.filter((one) => !components.includes(one)).map(nameOf);
      open.push(
        `ablation of ${left.join(', ')}: they are named, but on a model of this size it would take too long; --verify=full does it`,
      );
    }
    effects = await componentEffects(
      {
        model,
        run: probe,
        pool: pool.length > 0 ? pool : [probe],
        contest,
        base: scores.margin,
        attribution: trace.attribution,
        direction: directionOf(model, traced, contest.answer, trace.attribution.rival.id),
        scale: rowAt(traced.result.get('ln_final.hook_scale'), traced.position)[0]!,
        seed,
        full: options.verify === 'full',
      },
      components,
      { signal, onProgress: within(45) },
    );
    done = 95;
    for (const [i, effect] of claimedEffects(effects).entries()) {
      const component = components.find((one) => nameOf(one) === effect.component)!;
      effect.null = await effectNull(context, probe, effect, component, { signal });
      const opinion = await effectOpinion(context, effect, component, others);
      if (opinion) effect.opinion = opinion;
      within(5)(i + 1, CLAIMED);
    }
    if (effects.some((one) => one.null === null))
      open.push('the null of ablations: on a model of this size it would take too long; --verify does it');
  }
  return { ends, source, aligned, ...patched, knockout, effects, open };
}

function noSource(source: string | null, span: readonly [number, number] | null, shared: number): string {
  if (source === null || span === null) return 'the source: the shell marks no span';
  const name = JSON.stringify(source);
  return span[1] <= shared
    ? `the source: both prompts are the same up to the end of ${name}, so its activations are too, and moving them changes nothing`
    : `the source: nothing in the control stands for ${name}`;
}
