import type { Model } from '../../engine/api.js';
import type { HeadPair, ObservedVerdict } from '../../methods/head-verdict.js';
import type { HeadVerdict, HeadVerdictName, HeadVerdicts } from '../../residue/types-heads.js';
import type { RunTrace } from '../../residue/types.js';
import type { EditedOptions } from '../edited.js';
import { contestOf } from '../observe.js';
import { judged } from '../opinions/opinion.js';
import type { TracedRun } from '../types.js';
import { nats, plain } from '../words.js';
import { verdictNulls } from './nulls.js';
import { keyOf, testVerdicts, type Tested } from './test.js';
import { observedVerdicts, sceneOf } from './verdicts.js';

/** Heads that a residue tells of, where more touch the span. */
const MOST_HEADS = 64;

const RANK: readonly HeadVerdictName[] = ['qk-collapse', 'ov-misfire', 'trace-drop', 'conflict', 'ghost', 'none'];

export interface HeadsInput {
  probe: TracedRun;
  control: TracedRun | null;
  trace: RunTrace;
  /** Margin of the control; null without one. */
  controlMargin: number | null;
  /** The span that the shell is about. */
  name: string;
  seed: number;
}

/** The residue's section: the verdict of each head that touches the span, tested by intervention where one can. */
export async function headsSection(model: Model, input: HeadsInput, options: EditedOptions): Promise<HeadVerdicts> {
  const { probe, control, trace, name, seed } = input;
  const scores = trace.scores!;
  const contest = contestOf(scores);
  const pair = { answer: contest.answer, rival: scores.strongest === null ? null : contest.rivals[scores.strongest]! };
  const here = await sceneOf(model, probe, probe.prompt.spans[name]!, pair, seed, options.signal);
  const twin = control?.prompt.spans[name];
  const there = control && twin ? await sceneOf(model, control, twin, pair, seed, options.signal) : null;
  // Alone, a prompt that did not fail has lost nothing.
  const alone = scores.failed ? null : 0;
  const drop = there && input.controlMargin !== null ? input.controlMargin - scores.margin : alone;
  const { verdicts, conflict, nothing, heads, scaleRatio } = observedVerdicts(model, here, there, drop);
  const tests = await testVerdicts(model, here, there, verdicts, contest, { drop, nothing }, options);
  const nullOf = verdictNulls(here, there, scaleRatio);
  const all = verdicts.map((verdict): HeadVerdict => {
    const pair = heads[verdict.layer * model.spec.nHeads + verdict.head]!;
    const one = headVerdict(verdict, pair, tests.get(keyOf(verdict)) ?? null, name);
    return judged({ ...one, null: nullOf(one.verdict, one.layer, one.head) });
  });
  const size = (v: HeadVerdict): number =>
    Math.max(Math.abs(v.loss ?? 0), Math.abs(v.write.probe), v.verdict === 'ghost' ? v.attention.probe : 0);
  all.sort((a, b) => RANK.indexOf(a.verdict) - RANK.indexOf(b.verdict) || size(b) - size(a) || a.layer - b.layer || a.head - b.head);
  return {
    span: name,
    scaleRatio,
    heads: all.slice(0, MOST_HEADS),
    touching: all.length,
    conflict: conflict && { toward: conflict.toward, against: conflict.against, ratio: conflict.ratio },
  };
}

function headVerdict(
  observed: ObservedVerdict,
  { probe, control }: HeadPair,
  tested: { kind: HeadVerdictName; test: Tested } | null,
  span: string,
): HeadVerdict {
  const { layer, head, loss, byAttention, byWrite } = observed;
  const verdict = tested?.kind ?? observed.kind;
  const both = (read: 'attention' | 'write' | 'perAttention') => ({ probe: probe[read], control: control && control[read] });
  const one = {
    layer,
    head,
    verdict,
    attention: { ...both('attention'), null95: probe.attentionNull },
    write: { ...both('write'), null95: probe.writeNull },
    perAttention: both('perAttention'),
    loss,
    byAttention,
    byWrite,
    cancelledBy: observed.cancelledBy.map(({ component, probe, control }) => ({ component, probe, control })),
    test: tested?.test ?? null,
  };
  return { ...one, reason: `${said(one, JSON.stringify(span))}${testWords(one.test)}` };
}

const percent = (share: number): string => `${plain(100 * share, 2)} %`;

/** The verdict in words, with the numbers that it rests on. */
function said(v: Omit<HeadVerdict, 'reason'>, span: string): string {
  const name = `Head ${v.layer}.${v.head}`;
  const { attention: a, write: w, perAttention: u } = v;
  const from = (value: number | null, unit: (x: number) => string): string => (value === null ? '' : `from ${unit(value)} `);
  switch (v.verdict) {
    case 'qk-collapse':
      return `${name} stopped looking: attention to ${span} fell ${from(a.control, percent)}to ${percent(a.probe)}, while what it writes per unit of attention was kept (${nats(u.control ?? 0)}, now ${nats(u.probe)}).`;
    case 'ov-misfire':
      return `${name} looks at ${span} (${percent(a.probe)}, ${percent(a.control ?? 0)} in the control) and ${w.probe < 0 ? 'writes for the rival' : 'no longer writes'}: ${nats(w.probe)}, ${nats(w.control ?? 0)} in the control.`;
    case 'trace-drop':
      return `${name} writes ${nats(w.probe)} from ${span}, and later components take it away: ${v.cancelledBy
        .slice(0, 3)
        .map((c) => `${c.component} ${nats(c.probe)}${c.control === null ? '' : ` (${nats(c.control)} in the control)`}`)
        .join(', ')}.`;
    case 'conflict':
      return `${name} writes ${nats(w.probe)} from ${span}, ${w.probe < 0 ? 'against' : 'for'} the answer, and other heads the opposite.`;
    case 'ghost':
      return `${name} is a ghost: it looks at ${span} (${percent(a.probe)}, 95 % of random spans up to ${percent(a.null95 ?? 0)}) and writes nothing from it (${nats(w.probe)}).`;
    case 'none':
      return `${name} looks at ${span} (${percent(a.probe)}${a.control === null ? '' : `, ${percent(a.control)} in the control`}) and writes ${nats(w.probe)}${w.control === null ? '' : `, ${nats(w.control)} in the control`}.`;
  }
}

function testWords(test: Tested | null): string {
  if (!test) return '';
  const change = `${test.effect < 0 ? 'lowers' : 'raises'} the margin by ${nats(Math.abs(test.effect))}`;
  const beside = test.null95 === null ? '' : `, 95 % of random spans by up to ${nats(test.null95)}`;
  return ` Tested: ${test.what} ${change}${beside}${test.confirmed ? '' : ', which does not confirm it'}.`;
}
