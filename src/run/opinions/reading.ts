import { commandByName } from '../../commands/table.js';
import { InputError } from '../../errors.js';
import type { HeadVerdictKind } from '../../methods/head-verdict.js';
import type { PatternFound } from '../../residue/types-claims.js';
import type { Collapse, CommandOutcome, Generation, RunTrace } from '../../residue/types.js';
import { observedVerdicts, sceneOf } from '../heads/verdicts.js';
import { readingsOf } from '../nulls/stage.js';
import { collapseSection, contestOf, lensSection } from '../observe.js';
import { sourceSpan } from '../patterns.js';
import { sentencesOf } from '../verdict.js';
import { detectAll, sight } from '../patterns/sighting.js';
import { DETECTORS } from '../patterns/table.js';
import { loopingOf, speak, speakTogether } from '../speak.js';
import type { StageContext } from '../stage.js';
import { measuredHooks, traceHeld, traceRun } from '../trace.js';
import type { PreparedPrompt, TracedRun } from '../types.js';
import { controlOfParaphrase } from './control.js';

/** What was read off one of the headline's paraphrases, to be held against what is claimed of the headline. */
export interface ParaphraseReading {
  /** `paraphrase 3` */
  name: string;
  patterns: PatternFound[];
  collapse: Collapse;
  /** Each head's contribution to its margin, nats, [layer][head]. */
  heads: number[][];
  /** Verdicts of heads against its own control, by `layer.head`; null where they were not asked for or it has no control. */
  /** By the index of each of the headline's commands: the value that it claims, here; nothing of those that cannot be asked again. */
  claimed: Map<number, number>;
  verdicts: Map<string, { kind: HeadVerdictKind; silent: boolean }> | null;
}

/** What each of the headline's paraphrases goes on to say, those that were run together side by side; nothing where nobody asked. */
export async function sayingsOf({ model, generation, seed, signal, paraphrases }: StageContext): Promise<(Generation | null)[]> {
  const settings = generation && { ...generation, seed: generation.seed + seed };
  const known = new Map<PreparedPrompt, Generation>();
  for (const { prompt, batch } of paraphrases) {
    if (!settings || known.has(prompt)) continue;
    if (!batch) known.set(prompt, await speak(model, prompt, settings, signal));
    else (await speakTogether(model, batch.prompts, batch.cache, settings, signal)).forEach((one, i) => known.set(batch.prompts[i]!, one));
  }
  return paraphrases.map(({ prompt }) => known.get(prompt) ?? null);
}

/**
 * Traces a paraphrase and reads off it, and off what it goes on to say, what is claimed of the headline; of commands
 * only those that patterns are seen by.
 */
export async function readParaphrase(context: StageContext, index: number, said: Generation | null): Promise<ParaphraseReading> {
  const { model, seed, signal, subject, control, paraphrases } = context;
  const { prompt, scores, batch, row } = paraphrases[index]!;
  const traced = await (batch ? traceHeld(model, batch, row, signal) : traceRun(model, prompt, measuredHooks(model), signal));
  const { name, label, vary, x, bosAdded } = subject.trace;
  const lens = lensSection(model, traced, scores);
  const trace: RunTrace = {
    ...{ name, label, vary, x, bosAdded, scores, lens, spans: prompt.spans, position: traced.position },
    tokens: prompt.tokens.map(({ id, text }) => ({ id, text })),
    ...(said ? { generation: said, looping: (await loopingOf(model, prompt, said, signal)).looping } : {}),
  };
  trace.commands = await commandsIn(context, traced, trace);
  const { found } = detectAll(await sight(context, trace, traced, control && (await control.traced())));
  const { terms } = await readingsOf(model, traced, scores, signal);
  const reading = {
    name: `paraphrase ${index + 1}`,
    patterns: found,
    collapse: await collapseSection(model, traced, scores, lens.margin, null, seed),
    heads: terms.head,
    claimed: await claimedIn(context, traced, trace),
    verdicts: await verdictsIn(context, traced, index),
  };
  traced.result.release();
  return reading;
}

/** The commands of the shell that a pattern is seen by, run on a paraphrase; one that does not fit it is left out. */
async function commandsIn(
  { model, shell, calls, seed, signal }: StageContext,
  probe: TracedRun,
  trace: RunTrace,
): Promise<CommandOutcome[]> {
  const needed = new Set(DETECTORS.flatMap(({ needs }) => needs ?? []));
  const outcomes: CommandOutcome[] = [];
  for (const { name, params } of calls.filter((call) => needed.has(call.name))) {
    const command = commandByName(name)!;
    try {
      command.check?.(model.spec, probe.prompt, params, { shell, tokenizer: model.tokenizer, control: null });
    } catch (error) {
      if (error instanceof InputError) continue;
      throw error;
    }
    outcomes.push(
      await command.run({ model, shell, probe, control: null, paraphrases: [], trace, seed, signal, progress: () => {} }, params),
    );
  }
  return outcomes;
}

/** What each command of the headline that claims something gives here. */
async function claimedIn(
  { model, shell, seed, signal, subject }: StageContext,
  probe: TracedRun,
  trace: RunTrace,
): Promise<Map<number, number>> {
  const claimed = new Map<number, number>();
  for (const [i, outcome] of (subject.trace.commands ?? []).entries()) {
    const command = commandByName(outcome.name);
    if (!command?.again || sentencesOf(outcome).length === 0) continue;
    const context = { model, shell, probe, control: null, paraphrases: [], trace, seed, signal, progress: () => {} };
    const value = await command.again(context, outcome.params, outcome);
    if (value !== null) claimed.set(i, value);
  }
  return claimed;
}

async function verdictsIn(context: StageContext, traced: TracedRun, index: number): Promise<ParaphraseReading['verdicts']> {
  const { model, shell, subject, paraphrases, seed, signal } = context;
  const asked = subject.trace.headVerdicts?.heads.some(({ verdict }) => verdict !== 'none');
  const twin = asked ? controlOfParaphrase(context, index) : null;
  if (!twin) return null;
  const { prompt, scores } = paraphrases[index]!;
  const name = sourceSpan(shell, prompt.spans);
  const [span, other] = name === null ? [] : [prompt.spans[name], twin.prompt.spans[name]];
  if (!span || !other) return null;
  const contest = contestOf(scores);
  const pair = { answer: contest.answer, rival: scores.strongest === null ? null : contest.rivals[scores.strongest]! };
  const there = await traceRun(model, twin.prompt, measuredHooks(model), signal);
  const scenes = [await sceneOf(model, traced, span, pair, seed, signal), await sceneOf(model, there, other, pair, seed, signal)] as const;
  const { verdicts } = observedVerdicts(model, ...scenes, twin.scores.margin - scores.margin);
  there.result.release();
  return new Map(verdicts.map(({ layer, head, kind, silent }) => [`${layer}.${head}`, { kind, silent }]));
}
