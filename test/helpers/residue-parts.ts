import type { Attribution, AttentionSection, CommandOutcome, LensMap } from '../../src/residue/types.js';
import type { Claim, HeadNulls, NullBand, NullSection } from '../../src/residue/types-claims.js';

// Sections of generated residues. `next` is a seeded random number in [0, 1).

/** Six significant digits, as residues are written. */
export const round = (x: number): number => Number(x.toPrecision(6));

export function generateAttribution(next: () => number, layers: number, heads: number, T: number, total: number): Attribution {
  const head = Array.from({ length: layers }, () =>
    Array.from({ length: heads }, () => round((next() - 0.45) * (next() < 0.12 ? 2.5 : 0.3))),
  );
  const mlp = Array.from({ length: layers }, () => round(next() - 0.5));
  const sum = head.flat().reduce((s, c) => s + c, 0) + mlp.reduce((s, c) => s + c, 0);
  const heads_ = head.flat().reduce((s, c) => s + c, 0);
  const weights = Array.from({ length: T }, () => next() - 0.4);
  const scale = heads_ / (weights.reduce((s, w) => s + w, 0) || 1);
  return {
    rival: { text: ' blue', id: 8 },
    total,
    embed: round(total - sum),
    posEmbed: 0,
    head,
    attnBias: mlp.map(() => 0),
    mlp,
    lnFinalBias: 0,
    unembedBias: 0,
    residual: 1e-6,
    byToken: weights.map((w) => round(w * scale)),
  };
}

/** Rank, entropy, norm and null share of every cell of a map: sharper, longer and less null the higher the row. */
export function generateMapMeasures(
  next: () => number,
  layers: number,
  T: number,
): Required<Pick<LensMap, 'answerRank' | 'entropy' | 'norm' | 'nullShare'>> {
  const cells = (f: (l: number) => number): number[][] =>
    Array.from({ length: layers + 1 }, (_, l) => Array.from({ length: T }, () => f(l)));
  return {
    answerRank: cells((l) => Math.floor(1000 ** (next() * (1 - l / (layers + 2))) - 0.5)),
    entropy: cells((l) => round((0.3 + next()) * 4 * (1 - l / (layers + 3)))),
    norm: cells((l) => round((1 + next()) * 1.4 ** l)),
    nullShare: cells((l) => round(next() * 0.4 * (1 - l / (layers + 2)))),
  };
}

function softRow(next: () => number, T: number, at: number | null): number[] {
  const raw = Array.from({ length: T }, (_, i) => Math.exp(3 * next()) * (i === at ? 20 : 1));
  const sum = raw.reduce((s, v) => s + v, 0);
  return raw.map((v) => round(v / sum));
}

export function generateAttention(
  next: () => number,
  layers: number,
  heads: number,
  T: number,
  spans: Record<string, [number, number]>,
  dla: Attribution,
): AttentionSection {
  const grid = (f: (l: number, h: number) => number): number[][] =>
    Array.from({ length: layers }, (_, l) => Array.from({ length: heads }, (_, h) => round(f(l, h))));
  const ranked = dla.head
    .flatMap((row, layer) => row.map((c, head) => ({ layer, head, c: Math.abs(c) })))
    .sort((a, b) => b.c - a.c)
    .slice(0, 64);
  return {
    meanByToken: softRow(next, T, 4),
    valueWeightedByToken: softRow(next, T, 5),
    rollout: {
      byToken: softRow(next, T, 2),
      spans: Object.fromEntries(
        Object.keys(spans).map((s) => [
          s,
          {
            share: round(next() ** 3),
            null: { of: '32 random spans of 1 token', n: 32, median: 0.02, p95: 0.1, sided: 'high', p: 1 / 33 },
          },
        ]),
      ),
    },
    spans: Object.fromEntries(
      Object.keys(spans).map((s) => [
        s,
        { attention: grid(() => next() ** 3), valueWeighted: grid(() => 2 * next()), contribution: grid((l, h) => dla.head[l]![h]! * 0.6) },
      ]),
    ),
    rows: ranked.map(({ layer, head }) => ({ layer, head, pattern: softRow(next, T, Math.floor(next() * T)) })),
  };
}

export function generateCommands(next: () => number, layers: number): CommandOutcome[] {
  const blocks = Array.from({ length: layers }, (_, l) => l);
  return [
    {
      name: 'RECALL',
      params: {},
      evidence: 'observed',
      findings: ['The answer ranks 2 at the output.', 'It is not generated within 40 tokens.'],
      values: { rank: 2, said: false },
      curves: [],
      tables: [],
    },
    {
      name: 'INHIBIT',
      params: { span: 'fact', layers: 'all', rate: 1 },
      evidence: 'caused',
      findings: ['Cutting attention from the answer position to fact lowers the margin by 2.4 nats.'],
      values: { effect: -2.4 },
      measures: { effect: { unit: 'nats' } },
      curves: [
        {
          title: 'Effect by block',
          xLabel: 'block',
          yLabel: 'change of the margin',
          unit: 'nats',
          x: blocks,
          series: [{ label: 'knocked out', y: blocks.map(() => round(-2 * next())), spread: blocks.map(() => 0.1) }],
        },
      ],
      tables: [
        {
          title: 'Effect of single heads',
          columns: [{ label: 'head' }, { label: 'effect', unit: 'nats' }],
          rows: blocks.map((b) => [`${b}.0`, round(-2 * next())]),
        },
      ],
    },
    {
      name: 'WEIGHT',
      params: { span: 'fact' },
      evidence: 'caused',
      findings: ['Leaving it out lowers the margin by 1.2 nats (tested by intervention).', 'Attribution predicts 2 nats (read off).'],
      values: { effect: -1.2, predicted: 2, dose: '∞' },
      measures: { effect: { unit: 'nats' }, predicted: { unit: 'nats per unit', evidence: 'observed' }, dose: { unit: '×' } },
      curves: [
        {
          title: 'Margin as the values of "fact" are scaled',
          evidence: 'caused',
          xLabel: 'w (times)',
          yLabel: 'margin',
          unit: 'nats',
          x: [0, 0.5, 1, 2],
          series: [{ label: 'probe', y: [-3, -2, round(-2 * next()), null] }],
        },
      ],
      tables: [
        {
          title: 'Contributions',
          evidence: 'observed',
          columns: [{ label: 'layer' }, { label: 'contribution', unit: 'nats' }],
          rows: blocks.map((b) => [b, round(next())]),
        },
      ],
    },
  ];
}

const NULLS = 32;

function generateBand(next: () => number, of: string, sided: NullBand['sided'], scale: number): NullBand {
  const median = round(scale * (0.2 + 0.3 * next()));
  return {
    of,
    n: NULLS,
    median,
    p95: round(median * (1.5 + next())),
    sided,
    p: round((1 + Math.floor(next() ** 4 * NULLS)) / (1 + NULLS)),
  };
}

export function generateNulls(next: () => number, layers: number, heads: number, spans: Record<string, [number, number]>): NullSection {
  const headNulls = (of: string, n: number): HeadNulls => {
    const p = Array.from({ length: layers }, () => Array.from({ length: heads }, () => round((1 + Math.floor(next() ** 2 * n)) / (1 + n))));
    return { of, n, p, q: p.map((row) => row.map((x) => round(Math.min(1, 2 * x)))) };
  };
  return {
    spans: Object.fromEntries(
      Object.entries(spans).map(([name, [start, end]]) => {
        const width = end - start;
        const of = `${NULLS} random spans of ${width} ${width === 1 ? 'token' : 'tokens'}`;
        return [
          name,
          {
            drawn: Array.from({ length: NULLS }, (_, i): [number, number] => [end + i, end + i + width]),
            attention: generateBand(next, of, 'high', 0.1),
            flow: generateBand(next, of, 'high', 0.1),
            contribution: generateBand(next, of, 'size', 0.5),
            headAttention: headNulls(`${of} in the ${heads} heads of its layer`, NULLS * heads),
            headContribution: headNulls(`${of} in the ${heads} heads of its layer`, NULLS * heads),
          },
        ];
      }),
    ),
    contribution: heads < 2 ? null : headNulls(`the other ${heads - 1} heads of its layer`, heads - 1),
  };
}

/** A claim that holds, one that does not, one that is unstable. */
export function generateClaims(next: () => number, paraphrases: number): Claim[] {
  const by = Array.from({ length: paraphrases }, (_, i) => ({
    name: `paraphrase ${i + 1}`,
    agrees: next() < 0.8,
    says: `costs ${round(next())} nats`,
  }));
  const opinion = by.length === 0 ? null : { agree: by.filter(({ agrees }) => agrees).length, of: by.length, by };
  const make = (name: string, sentence: string, evidence: Claim['evidence'], value: number, band: NullBand | null): Claim => ({
    name,
    sentence,
    evidence,
    value,
    unit: 'nats',
    null: band,
    opinion,
    holds: band && band.p <= 0.05,
    stable: opinion && opinion.agree === opinion.of,
  });
  const of = `${NULLS} random spans of 2 tokens`;
  return [
    make('failure', 'the prompt fails', 'observed', -1.2, null),
    make('INHIBIT.effect', 'cause confirmed: cutting attention to fact costs 2.4 nats', 'caused', -2.4, {
      ...generateBand(next, `the same knockout of ${of}`, 'size', 0.5),
      p: round(1 / 33),
    }),
    make('span.fact.contribution', 'the heads write 0.3 nats toward the answer from "fact"', 'observed', 0.3, {
      ...generateBand(next, of, 'size', 0.5),
      p: round(9 / 33),
    }),
  ];
}
