import { expectKindsApart } from '../helpers/evidence.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/engine/api.js';
import { InputError } from '../../src/errors.js';
import { jensenShannon } from '../../src/methods/divergence.js';
import { packageRoot } from '../../src/paths.js';
import { checkResidue } from '../../src/residue/read.js';
import type { CommandOutcome, Residue, RunTrace } from '../../src/residue/types.js';
import { serializeResidue } from '../../src/residue/write.js';
import { logSoftmax } from '../helpers/families.js';
import { plainForward, type PlainConfig } from '../helpers/plain-forward.js';
import { randomModel, type RandomModel } from '../helpers/random-model.js';
import { openPath, runText } from '../helpers/shells.js';

const IDS = [3, 7, 11, 5, 9, 13, 6, 8, 7, 11, 12, 4];
const CONTROL = [3, 7, 15, 5, 9, 16, 6, 8, 7, 11, 4];
const SPANS = { a: [1, 3], b: [4, 6], q: [8, 10] } as const;
const [ANSWER, RIVALS] = [20, [21, 13]];

const shell = (run: string): string => `format: 1
shell: tried
family: temporal
prompt: {tokens: [${IDS.join(', ')}], spans: {a: [1, 3], b: [4, 6], q: [8, 10]}}
control: {tokens: [${CONTROL.join(', ')}], spans: {a: [1, 3], b: [4, 6], q: [8, 10]}}
answer: {tokens: [${ANSWER}]}
rivals: [${RIVALS.map((id) => `{tokens: [${id}]}`).join(', ')}]
run:
${run}`;

const ALL = `  - REMEMBER: { spans: [a, b], right: a }
  - SHIFT: { between: [b, q], gaps: [1, 9, 40] }
  - PREDICT: {}
  - DISTILL: { a: a, b: b }
  - SPLICE: { a: a, b: b }
  - NULLIFY: { span: b, other: a, layers: [1] }
  - DISTILL: { a: a, b: b, positions: closed }
  - NULLIFY: { span: b, other: a }
`;

const margin = (logits: readonly number[]): number => {
  const row = logSoftmax(logits);
  return row[ANSWER]! - Math.max(...RIVALS.map((id) => row[id]!));
};
const gapped = (ids: readonly number[], at: number, gap: number): number[] => ids.map((_, i) => (i < at ? i : i + gap));
const kept = (...out: ('a' | 'b')[]): number[] =>
  IDS.flatMap((_, i) => (out.some((name) => i >= SPANS[name][0] && i < SPANS[name][1]) ? [] : [i]));

const TYPES: PlainConfig['model_type'][] = ['llama', 'gpt2', 'gpt_neox', 'qwen2', 'qwen3'];

describe.each(TYPES)('%s', (type) => {
  let random: RandomModel;
  let model: Model;
  let run: RunTrace;
  let found: CommandOutcome[];
  /** Last logits of a plain forward pass in double precision. */
  const plain = (ids: readonly number[], positions?: number[]): number[] =>
    plainForward(random.config, random.tensors, ids, positions).at(-1)!;
  beforeAll(async () => {
    random = randomModel(type);
    model = await openPath(random.folder);
    const residue = await runText(model, shell(ALL));
    checkResidue(JSON.parse(serializeResidue(residue)));
    run = residue.runs[0]!;
    found = run.commands!;
  });
  afterAll(() => model?.close());

  it('keep what is read off and what is tested apart', () => expectKindsApart(found));

  it('SHIFT: margins are those of plain passes with the position ids written out; gap 0 changes nothing', () => {
    const [probe, control] = found[1]!.curves[0]!.series;
    found[1]!.curves[0]!.x.forEach((gap, i) => {
      expect(probe!.y[i]).toBeCloseTo(margin(plain(IDS, gapped(IDS, 8, gap))), 3);
      expect(control!.y[i]).toBeCloseTo(margin(plain(CONTROL, gapped(CONTROL, 8, gap))), 3);
    });
    expect(found[1]!.curves[0]!.x).toEqual([0, 1, 9, 40]);
    expect(probe!.y[0]).toBeCloseTo(run.scores!.margin, 5);
    expect(found[1]!.values['effect']).toBeCloseTo((probe!.y[3] as number) - (probe!.y[0] as number), 6);
    expect(found[1]!.values['attended']).toBe(found[0]!.values['attended']);
    expect(found[1]!.values['written']).toBe(found[0]!.values['written']);
  });

  it('REMEMBER: attention is that of the patterns, and two anchors of a token each are written as their logits are attributed', async () => {
    const result = await model.run(IDS, { hooks: ['blocks.*.attn.hook_pattern'] });
    const T = IDS.length;
    found[0]!.curves[0]!.series.forEach(({ label, y }) => {
      const [start, end] = SPANS[label as 'a' | 'b'];
      y.forEach((mass, l) => {
        const { data, shape } = result.get(`blocks.${l}.attn.hook_pattern`);
        let sum = 0;
        for (let h = 0; h < shape[1]!; h++) for (let k = start; k < end; k++) sum += data[(h * T + T - 1) * T + k]!;
        expect(mass).toBeCloseTo(sum / shape[1]!, 5);
      });
    });
    const single = `format: 1
shell: tried
family: temporal
prompt: {tokens: [${IDS.join(', ')}], spans: {x: [2, 3], y: [5, 6]}}
answer: {tokens: [${IDS[5]!}]}
rivals: [{tokens: [${IDS[3]!}]}]
run:
  - REMEMBER: { spans: [x, y] }
`.replace(`spans: {x: [2, 3]`, `spans: {x: [3, 4]`);
    const trace = (await runText(model, single)).runs[0]!;
    const written = trace.commands![0]!.curves[1]!.series;
    trace.attribution!.head.forEach((heads, l) => {
      const total = heads.reduce((a, b) => a + b, 0);
      expect(written[1]!.y[l]).toBeCloseTo(total, 4);
      expect(written[0]!.y[l]).toBeCloseTo(-total, 4);
    });
  });

  it('PREDICT: takes its shift from SHIFT, and the scores from the patterns', async () => {
    const { values } = found[2]!;
    expect(values['margin']).toBeCloseTo(run.scores!.margin, 5);
    expect(values['marginShifted']).toBeCloseTo(margin(plain(IDS, gapped(IDS, 8, 40))), 3);
    // 7 at index 8 stood at 1, 11 at 9 stood at 2: their followers are 2 and 3.
    const result = await model.run(IDS, { hooks: ['blocks.*.attn.hook_pattern'] });
    const T = IDS.length;
    const scores = Array.from({ length: model.spec.nLayers }, (_, l) => {
      const { data } = result.get(`blocks.${l}.attn.hook_pattern`);
      return Array.from({ length: model.spec.nHeads }, (_, h) => (data[(h * T + 8) * T + 2]! + data[(h * T + 9) * T + 3]!) / 2);
    }).flat();
    expect(values['induction']).toBeCloseTo(Math.max(...scores), 5);
    expect(values['repeatPredicts']).toBeNull();
  });

  it('DISTILL and SPLICE: the solo runs are plain passes over the tokens that remain', () => {
    const out = (...names: ('a' | 'b')[]): number[] =>
      logSoftmax(
        plain(
          kept(...names).map((i) => IDS[i]!),
          kept(...names),
        ),
      );
    const closed = (...names: ('a' | 'b')[]): number[] => logSoftmax(plain(kept(...names).map((i) => IDS[i]!)));
    const js = jensenShannon(out('b'), out('a'));
    const distilled = found[3]!.values;
    expect(distilled['jsBetween']).toBeCloseTo(js, 4);
    expect(distilled['marginA']).toBeCloseTo(margin(out('b')), 3);
    expect(distilled['marginB']).toBeCloseTo(margin(out('a')), 3);
    expect(distilled['marginNeither']).toBeCloseTo(margin(out('a', 'b')), 3);
    expect(distilled['positionEffectA']).toBeCloseTo(jensenShannon(out('b'), closed('b')), 4);
    expect(found[6]!.values['jsBetween']).toBeCloseTo(jensenShannon(closed('b'), closed('a')), 4);
    const both = logSoftmax(plain(IDS));
    expect(found[4]!.values['jsToA']).toBeCloseTo(jensenShannon(both, out('b')), 4);
    expect(found[4]!.values['jsToB']).toBeCloseTo(jensenShannon(both, out('a')), 4);
  });

  it('NULLIFY: knocked out everywhere, an instruction is as good as absent', async () => {
    const row = (outcome: CommandOutcome, label: string) => outcome.tables[0]!.rows.find(([first]) => first === label)!;
    const [, , , gone, toSpan, toOther, survives] = row(found[7]!, 'b, knocked out everywhere');
    expect(gone).toBeCloseTo(found[3]!.values['marginA'] as number, 3);
    expect(toOther).toBeCloseTo(0, 6);
    expect(toSpan).toBeCloseTo(found[3]!.values['jsBetween'] as number, 4);
    expect(survives).toBe('a');
  });

  it('NULLIFY: the projection is what a whole pass with that edit gives, and leaves nothing along the direction', async () => {
    const hooks = ['blocks.1.hook_resid_pre'];
    const last = async (...out: ('a' | 'b')[]): Promise<Float32Array> => {
      const positions = kept(...out);
      const result = await model.run(
        positions.map((i) => IDS[i]!),
        { positions, hooks },
      );
      const { data, shape } = result.get(hooks[0]!);
      return data.slice((shape[1]! - 1) * shape[2]!);
    };
    const [alone, neither] = [await last('a'), await last('a', 'b')];
    const direction = alone.map((x, i) => x - neither[i]!);
    const edited = await model.run(IDS, {
      hooks,
      edits: [{ kind: 'project-out', layer: 1, positions: [IDS.length - 1], direction }],
    });
    const effect = margin([...edited.logits!.data]) - run.scores!.margin;
    expect(found[5]!.values['effect']).toBeCloseTo(effect, 3);
    const { data, shape } = edited.get(hooks[0]!);
    const stream = data.slice((shape[1]! - 1) * shape[2]!);
    const along = stream.reduce((sum, x, i) => sum + x * direction[i]!, 0) / Math.hypot(...direction);
    expect(Math.abs(along)).toBeLessThan(1e-5 * Math.hypot(...stream));
  });
});

describe('commands of time and of instructions', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openPath(`${packageRoot()}/media/models/pocket`);
  });
  afterAll(() => model?.close());

  it('give the same bytes again', async () => {
    const body = (residue: Residue): string => serializeResidue({ ...residue, created: '' });
    expect(body(await runText(model, shell(ALL)))).toBe(body(await runText(model, shell(ALL))));
  });

  it('say so where a prompt has not the span, and leave out a control that has not', async () => {
    const text = `format: 1
shell: tried
family: temporal
prompt: "Tom is in the [[a|park]]. {{more}}Q: Where is Tom last? A:"
control: "Q: Where is Tom last? A:"
answer: " park"
vary:
  more: { without: "", with: "Tom is in the [[b|barn]]. " }
run:
${ALL.replaceAll('[b, q]', '[a, b]').replace('[1, 9, 40]', '[1]')}`;
    const residue = await runText(model, text);
    checkResidue(JSON.parse(serializeResidue(residue)));
    for (const { values, findings } of residue.runs[0]!.commands!) {
      expect(findings[0]).toBe('This prompt has no span "b", so nothing was measured.');
      expect(Object.values(values).every((value) => value === null)).toBe(true);
    }
    const [, shift] = residue.runs[1]!.commands!;
    expect(shift!.values['controlEffect']).toBeNull();
    expect(shift!.curves[0]!.series).toHaveLength(1);
  });

  it.each<[string, string, RegExp]>([
    [
      'a gap beyond the context',
      'SHIFT: { between: [b, q], gaps: [501] }',
      /A gap of 501 moves .* to position 512, .* 0 to 511 only; at most 500 fits/,
    ],
    ['a gap of PREDICT beyond the context', 'PREDICT: { between: [b, q], gap: 501 }', /A gap of 501/],
    ['a right anchor that is none', 'REMEMBER: { spans: [a, b], right: q }', /"q" is not among the anchors "a", "b"/],
    ['one instruction twice', 'DISTILL: { a: a, b: a }', /both are the span "a"/],
    ['a layer that is not there', 'NULLIFY: { span: a, other: b, layers: [6] }', /There is no layer 6/],
  ])('%s is told before anything is run', async (_name, call, message) => {
    let began = false;
    const error = await runText(model, shell(`  - ${call}\n`), { onPartial: () => (began = true) }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).message).toMatch(message);
    expect((error as InputError).place).toMatchObject({ line: 9 });
    expect(began).toBe(false);
  });

  it('say of no anchor that it is written toward where one alone has tokens of its own', async () => {
    const call = '  - REMEMBER: { spans: [a, q], right: a }\n  - SHIFT: { between: [a, q], gaps: [3] }\n';
    const { runs, verdict } = await runText(model, shell(call).replaceAll('q: [8, 10]', 'q: [7, 11]'));
    const [remember, shift] = runs[0]!.commands!;
    expect(remember!.values).toMatchObject({ written: null, writtenSize: null, writesRight: null });
    expect(shift!.values).toMatchObject({ written: null, writtenShifted: null, writtenChanges: false });
    expect(remember!.findings).toContain(
      'Only one of the anchors has tokens that no other has, so what is written toward each cannot be told apart.',
    );
    expect(remember!.findings).toContain('Without tokens of their own: "a".');
    // What its own tokens' probabilities are needs no other anchor.
    expect(remember!.curves[2]!.series.map(({ y }) => y.every((value) => value === null))).toEqual([true, false]);
    expect(verdict!.patterns.some(({ name }) => name === 'temporal-dislocation')).toBe(true);
  });

  it('find no head of induction in a prompt that repeats nothing', async () => {
    const text = shell('  - PREDICT: {}\n').replace(`tokens: [${IDS.join(', ')}]`, 'tokens: [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]');
    const { findings, values } = (await runText(model, text)).runs[0]!.commands![0]!;
    expect(findings).toContain('On the prompt no head has an induction score above 0 % (read off).');
    expect(values).toMatchObject({ induction: 0, inductionHead: null });
  });

  it('refuse an instruction that holds the answer position, two that overlap, and anchors at one token', async () => {
    const with_ = (spans: string, call: string): string =>
      shell(`  - ${call}\n`).replace('spans: {a: [1, 3], b: [4, 6], q: [8, 10]}', `spans: ${spans}`);
    const said = async (text: string): Promise<string> =>
      runText(model, text).then(
        () => '',
        (error: unknown) => (error as Error).message,
      );
    expect(await said(with_('{a: [1, 3], b: [4, 12], q: [8, 10]}', 'SPLICE: { a: a, b: b }'))).toMatch(/holds the prompt's last token/);
    expect(await said(with_('{a: [1, 5], b: [4, 6], q: [8, 10]}', 'DISTILL: { a: a, b: b }'))).toMatch(/share a token/);
    expect(await said(with_('{a: [4, 5], b: [4, 6], q: [8, 10]}', 'SHIFT: { between: [a, b] }'))).toMatch(/begin at the same token/);
  });

  it('refuse a gap that leaves a table of learned positions, and default to gaps that fit', async () => {
    const small = await openPath(randomModel('gpt2', { n_positions: 16 }).folder);
    try {
      const error = await runText(small, shell('  - SHIFT: { between: [b, q], gaps: [5] }\n')).catch((e: unknown) => e);
      expect((error as Error).message).toMatch(/learned positions 0 to 15 only; at most 4 fits/);
      const { runs } = await runText(small, shell('  - SHIFT: { between: [b, q] }\n  - PREDICT: {}\n'));
      expect(runs[0]!.commands![0]!.curves[0]!.x).toEqual([0, 1, 2, 4]);
      expect(runs[0]!.commands![1]!.values['effect']).toBeCloseTo(runs[0]!.commands![0]!.values['effect'] as number, 5);
    } finally {
      await small.close();
    }
  });
});
