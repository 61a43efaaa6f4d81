import type { Residue, RunTrace, TokenInfo } from '../../src/residue/types.js';
import { generateDiagnosis } from './residue-diagnosis.js';
import { generateGraph } from './residue-graph.js';
import { generateHeadSections } from './residue-heads.js';
import {
  generateAttention,
  generateAttribution,
  generateClaims,
  generateCommands,
  generateMapMeasures,
  generateNulls,
  round,
} from './residue-parts.js';
import { generateVerification } from './residue-verify.js';

/** Size and features of a generated residue. */
export interface GeneratorOptions {
  seed?: number;
  layers?: number;
  heads?: number;
  /** Tokens of the probe. */
  length?: number;
  /** Values of `vary`; 1 = no vary. */
  runs?: number;
  paraphrases?: number;
  control?: boolean;
  failed?: boolean;
  /** Texts to use for tokens in place of the invented ones. */
  texts?: readonly string[];
  status?: Residue['status'];
}

/** mulberry32: the same seed gives the same residue. */
export function random(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const WORDS = [
  'Tom',
  ' has',
  ' a',
  ' red',
  ' ball',
  '.',
  ' They',
  ' walk',
  ' for',
  ' while',
  '\n',
  ' the',
  ' garden',
  ' Q:',
  ' What',
  ' color',
  ' is',
  '?',
  ' A:',
];

/**
 * A residue of any size, for tests of views and exports. It has the structure of a real one and agrees with itself where a
 * reader would notice (attention sums to 1, contributions sum to the margin), but no model made it.
 */
export function generateResidue(options: GeneratorOptions = {}): Residue {
  const {
    seed = 1,
    layers = 6,
    heads = 8,
    length = 40,
    runs = 1,
    paraphrases = 0,
    control = true,
    failed = true,
    texts,
    status = 'complete',
  } = options;
  const next = random(seed);
  const trace = (
    name: string,
    label: RunTrace['label'],
    T: number,
    fails: boolean,
    vary: Record<string, string>,
    x: number | null,
    whole: boolean,
  ): RunTrace => generateRun({ next, name, label, T, fails, vary, x, whole, layers, heads, texts });
  const all = Array.from({ length: runs }, (_, i) => {
    const fails = failed && (runs === 1 || i >= Math.floor(runs / 2));
    const times = String(i * 20);
    return trace(
      runs === 1 ? 'probe' : `probe.walk=${times}`,
      'probe',
      length,
      fails,
      runs === 1 ? {} : { walk: times },
      runs === 1 ? null : i * 20,
      true,
    );
  });
  const found = all.findIndex((r) => r.scores!.failed);
  const primary = found < 0 ? runs - 1 : found;
  const main = all[primary]!;
  const others = Array.from({ length: paraphrases }, (_, i) =>
    trace(`paraphrase.${i + 1}`, 'paraphrase', Math.min(length, 30), failed && next() < 0.85, {}, null, false),
  );
  const twin = control ? trace('control', 'control', Math.min(length, 18), false, {}, null, true) : null;
  const everyone = [...all, ...others];
  const failing = everyone.filter((r) => r.scores!.failed).length;
  const margin = main.scores!.margin;
  return {
    $schema: 'residue.schema.json',
    format: 1,
    status,
    created: '2026-01-01T00:00:00.000Z',
    shell: {
      id: 'v1.MEMTRACE',
      title: 'Does the colour survive a long walk?',
      family: 'memory',
      motivation: 'The farther the fact, the weaker its trace at the answer.',
      file: 'v1-memtrace.shell.yaml',
      sha256: 'a'.repeat(64),
      run: [
        { name: 'RECALL', params: {} },
        { name: 'INHIBIT', params: { span: 'fact' } },
      ],
    },
    provenance: {
      model: {
        id: 'generated',
        family: 'llama',
        dtype: 'F32',
        parameters: 1.3e6,
        layers,
        dModel: 128,
        heads,
        kvHeads: heads,
        dHead: 16,
        vocab: 1024,
        context: 1024,
        files: [{ role: 'weights', name: 'model.safetensors', bytes: 5_300_000, sha256: 'b'.repeat(64) }],
      },
      tokenizer: { kind: 'tokenizer.json', addsBos: true, sha256: 'c'.repeat(64) },
      lens: { convention: 'final-norm-recomputed', attribution: 'final-norm-scale-frozen' },
      engine: { onnxruntime: '1.30.0', provider: { asked: 'cpu', used: 'cpu' }, threads: 2 },
      versions: { symbolicResidue: '0.1.0', format: 1 },
      seed,
      settings: { tau: 0, temperature: 0 },
      command: 'residue run v1-memtrace.shell.yaml --model pocket',
    },
    runs: all,
    primary,
    control: twin,
    paraphrases: others,
    ...(everyone.length > 1
      ? {
          density: {
            failing,
            total: everyone.length,
            share: round(failing / everyone.length),
            interval: wilson(failing, everyone.length),
            byRun: all.map((r) => {
              const bad = (r.scores!.failed ? 1 : 0) + Math.round(next() * paraphrases * (r.scores!.failed ? 1 : 0.3));
              return { name: r.name, x: r.x, failing: bad, total: 1 + paraphrases, interval: wilson(bad, 1 + paraphrases) };
            }),
          },
        }
      : {}),
    ...(main.shape?.logitNull != null
      ? { nullSpace: { volume: main.shape.logitNull, byRun: [{ name: main.name, share: main.shape.logitNull }], directions: 20, of: 128 } }
      : {}),
    ...(status === 'complete' ? { claims: generateClaims(random(seed + 1), paraphrases) } : {}),
    verdict: {
      failed: main.scores!.failed,
      sentence: main.scores!.failed
        ? `Failed: says " blue", should say " red"; lost at layer ${main.collapse!.layer} of ${layers} (observed)`
        : `Did not fail: " red" wins by ${round(margin)} nats`,
      drop: twin ? round(twin.scores!.margin - margin) : null,
      controlSucceeded: twin ? !twin.scores!.failed : null,
      patterns: [{ name: 'recursive-looping', present: main.looping!.loops, score: 0.4, evidence: 'The tail repeats with period 3.' }],
      confirmed: main.scores!.failed ? ['cause confirmed: cutting attention to fact costs 2.4 nats'] : [],
      notChecked: ['nulls: no random spans or heads were measured beside these, so there are no p-values'],
      ...(status === 'complete' ? { diagnosis: generateDiagnosis(main, twin) } : {}),
    },
    checks: [
      { name: 'pattern-rows-sum-to-1', run: main.name, residual: 2e-7, tolerance: 1e-5, passed: true },
      { name: 'contributions-sum-to-margin', run: main.name, residual: 3e-6, tolerance: 1e-3, passed: true },
    ],
    expectations: [
      {
        path: 'failure',
        want: 'present',
        got: main.scores!.failed ? 'present' : 'absent',
        passed: main.scores!.failed,
        message: main.scores!.failed ? 'failure is present' : 'failure is absent, should be present',
        line: 24,
      },
    ],
    notes: ['The rivals were chosen by the model: its own top tokens.'],
  };
}

interface RunOptions {
  next: () => number;
  name: string;
  label: RunTrace['label'];
  T: number;
  fails: boolean;
  vary: Record<string, string>;
  x: number | null;
  /** Every section, or tokens, scores and margins only. */
  whole: boolean;
  layers: number;
  heads: number;
  texts?: readonly string[];
}

function generateRun({ next, name, label, T, fails, vary, x, whole, layers, heads, texts }: RunOptions): RunTrace {
  const words = texts ?? WORDS;
  const tokens: TokenInfo[] = Array.from({ length: T }, (_, i) => ({
    id: 5 + (i % 900),
    text: i === 0 && !texts ? '<s>' : (words[texts ? i % words.length : Math.floor(next() * words.length)] ?? ''),
  }));
  const at = Math.min(T - 1, 4);
  const spans: Record<string, [number, number]> = T > 8 ? { fact: [at, at + 2] } : {};
  const final = round(fails ? -0.5 - 2 * next() : 1 + 2 * next());
  const peak = Math.max(1, Math.floor(layers / 2));
  const margin = Array.from({ length: layers + 1 }, (_, l) => {
    const rise = l <= peak ? (3 * l) / peak - 0.6 : 2.4 + ((final - 2.4) * (l - peak)) / (layers - peak);
    return l === layers ? final : round(rise + 0.3 * (next() - 0.5));
  });
  const answerLogprob = margin.map((m, l) => round(-2.2 - (layers - l) * 0.7 + m / 3));
  const collapsed = margin.findIndex((m, l) => l > peak && margin.slice(l).every((v) => v < 0) && m < 0);
  const candidate = (text: string, id: number, logprob: number, rank: number): NonNullable<RunTrace['scores']>['answer'] => ({
    text,
    ids: [id],
    logprob,
    totalLogprob: logprob,
    rank,
  });
  const last = answerLogprob[layers]!;
  const run: RunTrace = {
    name,
    label,
    vary,
    x,
    tokens,
    bosAdded: !texts,
    spans,
    position: T - 1,
    scores: {
      answer: candidate(' red', 7, last, fails ? 1 : 0),
      rivals: [candidate(' blue', 8, round(last - final), fails ? 0 : 1), candidate(' green', 10, round(last - final - 1.5), 4)],
      rivalsFromModel: false,
      strongest: 0,
      margin: final,
      failed: fails,
      tau: 0,
      entropy: 1.7,
      top: [{ id: fails ? 8 : 7, text: fails ? ' blue' : ' red', prob: 0.5, logprob: round(Math.log(0.5)) }],
    },
    lens: {
      answerLogprob,
      answerRank: margin.map((m) => (m > 0 ? 0 : 3)),
      rivalLogprob: [margin.map((m, l) => round(answerLogprob[l]! - m)), margin.map((m, l) => round(answerLogprob[l]! - m - 1.5))],
      margin,
      entropy: margin.map(() => round(1 + 3 * next())),
      top: margin.map((m) => [{ id: 9, text: m > 0 ? ' red' : ' blue', prob: round(0.2 + 0.5 * next()) }]),
    },
    collapse: fails
      ? { kind: 'lost', layer: collapsed < 0 ? layers : collapsed, peak, peakMargin: margin[peak]!, noise: 0.4, evidence: 'observed' }
      : { kind: 'none', layer: null, peak, peakMargin: margin[peak]!, noise: 0.4, evidence: 'observed' },
  };
  if (!whole) return run;
  const attribution = generateAttribution(next, layers, heads, T, final);
  const measured: RunTrace = {
    ...run,
    attribution,
    attention: generateAttention(next, layers, heads, T, spans, attribution),
    salience: {
      direct: {
        attention: attribution.head.map((h) => round(h.reduce((s, c) => s + Math.abs(c), 0))),
        mlp: attribution.mlp.map((m) => round(Math.abs(m))),
      },
      flow: spans.fact ? { span: 'fact', share: attribution.mlp.map(() => round(next() * 0.5)) } : null,
      causal: { attention: attribution.mlp.map(() => round(3 * next() - 0.6)), mlp: attribution.mlp.map(() => round(2 * next() - 0.6)) },
    },
    map: {
      positions: tokens.map((_, i) => i),
      complete: true,
      answerLogprob: Array.from({ length: layers + 1 }, (_, l) =>
        tokens.map((_, p) => round(p === T - 1 ? answerLogprob[l]! : -1 - 14 * next() * (1 - l / (layers + 4)))),
      ),
      ...generateMapMeasures(random(T + 13), layers, T),
    },
    almostSaid: [
      {
        id: 31,
        text: ' green',
        layer: layers - 1,
        peakProb: 0.31,
        finalProb: 0.012,
        endedBy: { component: `head ${layers - 1}.0`, contribution: -1.4 },
      },
    ],
    generation: {
      ids: [9, 3, 9, 3],
      tokens: [' blue', '.', ' blue', '.'],
      text: ' blue. blue.',
      stopped: 'length',
      temperature: 0,
      answerAt: null,
    },
    looping: {
      loops: fails,
      rep4: fails ? 0.6 : 0,
      period: fails ? 2 : null,
      repeats: fails ? 4 : 0,
      carrier: fails ? { layer: 2, head: 1, inductionScore: 0.44 } : null,
    },
    commands: label === 'probe' ? generateCommands(next, layers) : [],
    // Drawn from numbers of its own, so that the sections before keep theirs.
    ...(label === 'probe' && fails ? { verification: generateVerification(drawFrom(layers * 31 + T), layers, heads, T, spans) } : {}),
    nulls: generateNulls(random(T), layers, heads, spans),
    ...(label === 'probe' ? { graph: generateGraph(random(T + 7), T - 1, layers) } : {}),
  };
  return { ...measured, ...generateHeadSections(next, measured, layers, heads) };
}

/** Wilson 95 % interval of k of n. */
function wilson(k: number, n: number): [number, number] {
  const z = 1.959964;
  const p = k / n;
  const middle = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))) / (1 + (z * z) / n);
  return [round(Math.max(0, middle - half)), round(Math.min(1, middle + half))];
}

/** Park & Miller's generator, in (0, 1). */
function drawFrom(seed: number): () => number {
  let state = (seed % 2147483646) + 1;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}
