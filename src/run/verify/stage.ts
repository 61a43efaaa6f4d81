import type { RunResult } from '../../engine/api.js';
import { alignPrompts } from '../../methods/align.js';
import { hasDrop, LEAST_DROP } from '../../methods/recovery.js';
import type { Verification } from '../../residue/types-verify.js';
import { directionOf } from '../attribute.js';
import { forwardCost } from '../cost.js';
import { contestOf } from '../observe.js';
import { sourceSpan } from '../patterns.js';
import type { Stage, StageContext } from '../stage.js';
import { rowAt } from '../trace.js';
import { nats } from '../words.js';
import { componentEffects, namedComponents } from './effects.js';
import { patchAll } from './maps.js';
import { patchable, variantMargins } from './patching.js';

/** Paraphrases whose tokens an ablated output may be averaged over and drawn from. */
const POOL = 8;

/** Causal verification of the headline: patching from the control, knockout of the source span, ablation of the named components. */
export const verification: Stage = {
  name: 'verification',
  label: 'causal verification',
  on: 'headline',
  fills: ['verification'],
  when: ({ shell, options }) => (options.verify ?? shell.verify ?? true) !== false,
  cost: ({ model }, { ids }) => 40 * forwardCost(model, ids.length),
  async run(context) {
    const { subject, shell, options } = context;
    // A prompt that does not fail has nothing to verify, unless somebody asks.
    const asked = options.verify ?? shell.verify;
    if (!subject.trace.scores!.failed && asked !== true && asked !== 'full') return;
    const runs = new Runs(context);
    try {
      subject.trace.verification = await verify(context, runs);
    } finally {
      runs.release();
    }
  },
};

/** Runs that were made to be patched or drawn from, let go together. */
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
  const { model, shell, subject, control, paraphrases, planned, seed, signal, options } = context;
  const { prompt, trace } = subject;
  const scores = trace.scores!;
  const contest = contestOf(scores);
  const open: string[] = [];
  const probe = await runs.make(prompt.ids);
  const source = sourceSpan(shell, prompt.spans);
  const span = source === null ? null : prompt.spans[source]!;
  let done = 0;
  const within = (share: number) => (part: number, total: number) => context.progress(done + (share * part) / Math.max(1, total), 100);

  const other = control && (await runs.make(control.prompt.ids));
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
  }
  done = 50;

  const knockout = source !== null && span && span[1] < prompt.ids.length ? await cutOff(context, probe, source, span, contest) : null;
  if (!knockout) open.push('knockout: no span is marked that the answer position could be cut off from');

  let effects: Verification['effects'] = [];
  if (!trace.attribution?.rival) open.push('ablation: there is no rival to attribute the margin against');
  else {
    const pool: RunResult[] = other ? [other] : [];
    if (paraphrases.length > 0) for (const { prompt: one } of planned.paraphrases.slice(0, POOL)) pool.push(await runs.make(one.ids));
    const traced = await subject.traced();
    effects = await componentEffects(
      {
        model,
        ids: prompt.ids,
        run: probe,
        pool: pool.length > 0 ? pool : [probe],
        contest,
        base: scores.margin,
        attribution: trace.attribution,
        direction: directionOf(model, traced, contest.answer, trace.attribution.rival.id),
        scale: rowAt(traced.result.get('ln_final.hook_scale'), traced.position)[0]!,
        seed,
      },
      namedComponents(trace.attribution),
      { signal, onProgress: within(50) },
    );
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

/** Attention knockout of the source span at the answer position (Geva et al. 2023). */
async function cutOff(
  { model, subject, signal }: StageContext,
  run: RunResult,
  span: string,
  [start, end]: readonly [number, number],
  contest: { answer: number; rivals: readonly number[] },
): Promise<NonNullable<Verification['knockout']>> {
  const keys = Array.from({ length: end - start }, (_, i) => start + i);
  const cut = (layers: readonly number[] | 'all') =>
    [{ kind: 'knockout', layers, heads: 'all', queries: [subject.prompt.ids.length - 1], keys }] as const;
  const each = Array.from({ length: model.spec.nLayers }, (_, l) => cut([l]));
  const [base, effect, ...byLayer] = await variantMargins(model, run, [[], cut('all'), ...each], contest, { signal });
  return { span, effect: effect! - base!, byLayer: byLayer.map((m) => m - base!) };
}

function sharedPrefix(a: readonly number[], b: readonly number[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}
