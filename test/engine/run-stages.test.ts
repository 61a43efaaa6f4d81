import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import { packageRoot } from '../../src/paths.js';
import { forwardCost } from '../../src/run/cost.js';
import { makePlan } from '../../src/run/plan.js';
import type { Ask, Stage } from '../../src/run/stage.js';
import { stagesOf } from '../../src/run/stages.js';
import { Subject } from '../../src/run/subject.js';
import { measuredHooks, traceRun } from '../../src/run/trace.js';
import { Workload } from '../../src/run/workload.js';
import { openPath, runText, shellOf } from '../helpers/shells.js';

const TEXT = `format: 1
shell: tried
family: memory
prompt: "Tom has a [[fact|red]] ball. {{walk}}Q: What color is Tom's ball? A:"
control: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"
answer: " red"
rivals: [" blue", " green"]
vary:
  walk: { repeat: "They walk for a while. ", times: [0, 3] }
run:
  - ANCHOR: { span: fact }
  - INHIBIT: { span: fact }
generate: { tokens: 3 }
`;

let model: Model;
let ask: Ask;
beforeAll(async () => {
  model = await openPath(`${packageRoot()}/media/models/pocket`);
  const shell = shellOf(TEXT);
  ask = { model, shell, options: {}, calls: shell.run, generation: shell.generate };
});
afterAll(() => model?.close());

const plan = () => makePlan(ask.shell, model, { text: TEXT, file: null });
const stage = (over: Partial<Stage>): Stage => ({ name: 's', label: 's', on: 'every', fills: [], run: async () => {}, ...over });

describe('stages of a run', () => {
  it('fill what they say, on every trace they are on', async () => {
    const residue = await runText(model, TEXT, { verify: true });
    const stages = stagesOf(ask);
    expect(new Set(stages.map(({ name }) => name)).size).toBe(stages.length);
    for (const { name, on, fills } of stages) {
      const headline = residue.runs[residue.primary]!;
      const all = [...residue.runs, residue.control!];
      const traces = on === 'headline' ? [headline] : on === 'probe' ? residue.runs : all;
      for (const field of fills) {
        for (const trace of traces) expect({ ...residue, ...trace }, `${name} on ${trace.name}: ${field}`).toHaveProperty(field);
      }
    }
  });

  it('are left out where the shell does not ask for them', () => {
    const names = (over: Partial<Ask>): string[] => stagesOf({ ...ask, ...over }).map(({ name }) => name);
    expect(names({})).toContain('generation');
    expect(names({ generation: null })).not.toContain('generation');
    expect(names({}).filter((name) => name.startsWith('command'))).toHaveLength(2);
    expect(names({ calls: ask.calls.slice(1) }).filter((name) => name.startsWith('command'))).toHaveLength(1);
  });
});

describe('the workload', () => {
  const costs = (): number[] => [...plan().runs.map(({ probe }) => probe), plan().controls[0]!.prompt].map(({ ids }) => ids.length);
  const cost: Stage['cost'] = (_, { ids }) => ids.length;

  it('spreads an every-stage just as far as its budget reaches, and says where it does not', () => {
    const total = costs().reduce((a, b) => a + b);
    const fits = stage({ cost, budget: total, overBudget: 'too dear' });
    const within = new Workload(ask, plan(), [fits]);
    expect([within.everywhere(fits), within.notes]).toEqual([true, []]);
    const dear = stage({ cost, budget: total - 1, overBudget: 'too dear' });
    const beyond = new Workload(ask, plan(), [dear]);
    expect([beyond.everywhere(dear), beyond.notes]).toEqual([false, ['too dear']]);
    expect(beyond.stages).toEqual([dear]);
  });

  it('leaves out a stage of the headline that is beyond its budget', () => {
    const longest = Math.max(...costs());
    const make = (budget: number): Workload => new Workload(ask, plan(), [stage({ on: 'headline', cost, budget, overBudget: 'left out' })]);
    expect(make(longest).stages).toHaveLength(1);
    expect(make(longest).notes).toEqual([]);
    expect(make(longest - 1).stages).toEqual([]);
    expect(make(longest - 1).notes).toEqual(['left out']);
  });

  it('counts a step for each forward pass that a stage costs', () => {
    const five = stage({ on: 'probe', cost: ({ model }, { ids }) => 5 * forwardCost(model, ids.length) });
    // Two probes, a control, then five passes on each probe.
    expect(new Workload(ask, plan(), [five]).total).toBe(3 + 2 * 5);
    expect(new Workload(ask, plan(), [stage({ on: 'probe' })]).total).toBe(3 + 2);
  });
});

describe('a subject', () => {
  it('gives the same arrays again after it let them go', async () => {
    const prompt = plan().runs[1]!.probe;
    const traced = await traceRun(model, prompt, measuredHooks(model));
    const subject = new Subject(model, { name: 'probe' } as Subject['trace'], traced);
    expect(await subject.traced()).toBe(traced);
    expect(subject.bytes).toBeGreaterThan(0);
    const before = new Map(traced.result.hooks.map((name) => [name, traced.result.get(name).data.slice()]));
    subject.release();
    expect(subject.bytes).toBe(0);
    expect(() => traced.result.get('hook_embed')).toThrow(/released/);
    const again = await subject.traced();
    expect(again).not.toBe(traced);
    const same = (a: Float32Array, b: Float32Array): boolean => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));
    for (const [name, data] of before) expect(same(again.result.get(name).data, data), name).toBe(true);
    expect(same(again.lens.data, traced.lens.data)).toBe(true);
  });
});
