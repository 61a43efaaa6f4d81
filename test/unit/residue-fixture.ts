import type { Residue, RunTrace } from '../../src/residue/types.js';

/** Hand-typed residues for tests of what is made of one: two layers of two heads, a lost answer at the second dose. */
export function runTrace(over: Partial<RunTrace> = {}): RunTrace {
  return {
    name: 'probe.walk=40',
    label: 'probe',
    vary: { walk: '40' },
    x: 40,
    tokens: ['<bos>', 'Tom', ' has', ' a', ' red', ' ball', '.', ...Array<string>(60).fill(' walk'), ' A', ':'].map((text, id) => ({
      id,
      text,
    })),
    bosAdded: true,
    spans: { fact: [4, 5] },
    position: 68,
    scores: {
      answer: { text: ' red', ids: [4], logprob: -3.5, totalLogprob: -3.5, rank: 3 },
      rivals: [
        { text: ' blue', ids: [9], logprob: -1.25, totalLogprob: -1.25, rank: 0 },
        { text: ' green grass', ids: [10, 11], logprob: -5.123456789, totalLogprob: -9, rank: 12 },
      ],
      rivalsFromModel: false,
      strongest: 0,
      margin: -2.25,
      failed: true,
      tau: 0,
      entropy: 1.23456789,
      top: [
        { id: 9, text: ' blue', prob: 0.2865, logprob: -1.25 },
        { id: 12, text: '\u001b[31mmove\n', prob: 0.1, logprob: -2.3 },
      ],
    },
    lens: {
      answerLogprob: [-6, -1, -3.5],
      answerRank: [200, 0, 3],
      rivalLogprob: [
        [-6.5, -4, -1.25],
        [-7, -6, -5.123456789],
      ],
      margin: [0.5, 3, -2.25],
      entropy: [6.1, 2.2, 1.23456789],
      top: [[{ id: 3, text: ' a', prob: 0.01 }], [{ id: 4, text: ' red', prob: 0.37 }], [{ id: 9, text: ' blue', prob: 0.2865 }]],
    },
    collapse: { kind: 'lost', layer: 2, peak: 1, peakMargin: 3, noise: 0.4, evidence: 'observed' },
    attribution: {
      rival: { text: ' blue', id: 9 },
      total: -2.25,
      embed: 0.25,
      posEmbed: 0,
      head: [
        [1.5, -0.25],
        [-4, 0.125],
      ],
      attnBias: [0, 0],
      mlp: [0.5, -0.375],
      lnFinalBias: 0,
      unembedBias: 0,
      residual: 1.2e-7,
      byToken: Array<number>(69).fill(0),
    },
    attention: {
      meanByToken: Array<number>(69).fill(1 / 69),
      valueWeightedByToken: Array<number>(69).fill(1 / 69),
      spans: {
        fact: {
          attention: [
            [0.5, 0.01],
            [0.0001, 0],
          ],
          valueWeighted: [
            [1, 0],
            [0, 0],
          ],
          contribution: [
            [1.4, 0],
            [0, 0],
          ],
        },
      },
      rows: [{ layer: 1, head: 0, pattern: Array<number>(69).fill(1 / 69) }],
    },
    salience: {
      direct: { attention: [1.75, 4.125], mlp: [0.5, 0.375] },
      flow: { span: 'fact', share: [0.6, 0.001] },
      causal: { attention: [2, -1], mlp: [0.2, 0.1] },
    },
    map: {
      positions: [67, 68],
      complete: false,
      answerLogprob: [
        [-6, -6],
        [-3, -1],
        [-4, -3.5],
      ],
    },
    almostSaid: [
      { id: 4, text: ' red', layer: 1, peakProb: 0.37, finalProb: 0.03, endedBy: { component: 'blocks.1.attn head 0', contribution: -4 } },
    ],
    generation: {
      ids: [9, 9, 9],
      tokens: [' blue', ' blue', ' blue'],
      text: ' blue blue blue',
      stopped: 'length',
      temperature: 0,
      answerAt: null,
    },
    looping: { loops: true, rep4: 0.8, period: 1, repeats: 3, carrier: { layer: 1, head: 0, inductionScore: 0.7 } },
    commands: [
      {
        name: 'INHIBIT',
        params: { span: 'fact', layers: 'all', rate: 0.123456789 },
        evidence: 'caused',
        findings: ['Cutting fact off takes 1.5 nats from the margin.'],
        values: { effect: -1.5 },
        curves: [
          {
            title: 'By layer',
            xLabel: 'layer',
            yLabel: 'effect',
            unit: 'nats',
            x: [0, 1],
            series: [{ label: 'margin', y: [-1, null], spread: [0.1, null] }],
          },
        ],
        tables: [
          {
            title: 'Heads',
            columns: [{ label: 'head' }, { label: 'effect', unit: 'nats' }],
            rows: Array.from({ length: 12 }, (_, i) => [`0.${i}`, -i / 3]),
          },
        ],
      },
    ],
    ...over,
  };
}

const sha = (c: string) => c.repeat(64);

export function residueFixture(over: Partial<Residue> = {}): Residue {
  const failing = runTrace();
  const fine = runTrace({
    name: 'probe.walk=0',
    vary: { walk: '0' },
    x: 0,
    scores: { ...(failing.scores as NonNullable<RunTrace['scores']>), margin: 4, failed: false },
    collapse: { kind: 'none', layer: null, peak: 2, peakMargin: 4, noise: 0.4, evidence: 'observed' },
  });
  const brief = (name: string, failed: boolean): RunTrace => {
    const { name: _n, label: _l, vary, x, tokens, bosAdded, spans, position, scores } = failing;
    return {
      name,
      label: 'paraphrase',
      vary,
      x,
      tokens,
      bosAdded,
      spans,
      position,
      scores: { ...(scores as NonNullable<RunTrace['scores']>), failed },
    };
  };
  return {
    $schema: 'https://example.invalid/residue.schema.json',
    format: 1,
    status: 'complete',
    created: '2026-01-02T03:04:05.678Z',
    shell: {
      id: 'v1.MEMTRACE',
      title: 'Does the colour survive?',
      family: 'memory',
      motivation: 'The farther the fact, the weaker its trace.',
      file: 'v1.shell.yaml',
      sha256: sha('a'),
      run: [{ name: 'INHIBIT', params: { span: 'fact', layers: 'all', rate: 0.123456789 } }],
    },
    provenance: {
      model: {
        id: 'pocket',
        family: 'llama',
        dtype: 'F16',
        parameters: 1_297_280,
        layers: 2,
        dModel: 8,
        heads: 2,
        kvHeads: 1,
        dHead: 4,
        vocab: 714,
        context: 512,
        files: [{ role: 'weights', name: 'model.safetensors', bytes: 2_600_123, sha256: sha('b') }],
      },
      tokenizer: { kind: 'tokenizer.json', addsBos: true, sha256: sha('c') },
      lens: { convention: 'final-norm-recomputed', attribution: 'final-norm-scale-frozen' },
      engine: { onnxruntime: '1.30.0', provider: { asked: 'cuda', used: 'cpu', note: 'cuda is not offered.' }, threads: 2 },
      versions: { symbolicResidue: '0.1.0', format: 1 },
      seed: 7,
      settings: { tau: 0.123456789 },
      command: 'residue run v1.shell.yaml --model pocket --seed 7',
    },
    runs: [fine, failing],
    primary: 1,
    control: runTrace({
      name: 'control',
      label: 'control',
      vary: {},
      x: null,
      lens: { ...(failing.lens as NonNullable<RunTrace['lens']>), margin: [0.5, 3.5, 6] },
    }),
    paraphrases: [brief('paraphrase.0', true), brief('paraphrase.1', false)],
    density: {
      failing: 2,
      total: 4,
      share: 0.5,
      interval: [0.15, 0.85],
      byRun: [
        { name: 'probe.walk=0', x: 0, failing: 0, total: 1, interval: [0, 0.793] },
        { name: 'probe.walk=40', x: 40, failing: 2, total: 3, interval: [0.2, 0.94] },
      ],
    },
    verdict: {
      failed: true,
      sentence: 'Failed: says " blue", should say " red".',
      drop: 8.25,
      controlSucceeded: true,
      patterns: [{ name: 'recursive-looping', present: true, score: 0.8, evidence: 'it repeats " blue"' }],
      confirmed: [],
      notChecked: ['Patching from the control was not run.'],
    },
    checks: [
      { name: 'pattern-rows-sum-to-1', run: 'probe.walk=0', residual: 1e-7, tolerance: 1e-4, passed: true },
      { name: 'pattern-rows-sum-to-1', run: 'probe.walk=40', residual: 2e-7, tolerance: 1e-4, passed: true },
      { name: 'contributions-sum-to-margin', run: 'probe.walk=40', residual: 0.5, tolerance: 1e-3, passed: false },
    ],
    expectations: [
      { path: 'failure', want: 'present', got: 'present', passed: true, message: 'failure is present, as expected.', line: 31 },
      {
        path: 'INHIBIT.effect',
        want: 'below -2',
        got: -1.5,
        passed: false,
        message: 'INHIBIT.effect is -1.5 <nats>, expected below -2.',
        line: 32,
      },
    ],
    notes: ['The rival " green grass" has two tokens.'],
    ...over,
  };
}
