import { byBlock, byRow, centre, type DepthCurve } from '../methods/depth.js';
import { argmax, mean } from '../methods/statistics.js';
import type { Difference } from '../residue/types-comparison.js';
import type { CommandOutcome, RunTrace } from '../residue/types.js';
import type { NullBand } from '../residue/types-claims.js';
import type { Side } from './sides.js';
import { spanNull, VERIFIED, VERIFIED_CURVES } from './verified.js';

type Evidence = 'observed' | 'caused';

/** A number that is read of one run. Null where the run does not have it. */
export interface Measure {
  name: string;
  label: string;
  unit: string;
  evidence: Evidence;
  of: (run: RunTrace, side: Side) => number | null;
  /** `wordings`: every paraphrase has it too. `runs`: only the runs of the probe. */
  known: 'wordings' | 'runs';
  /** Tested over all runs and wordings at once, rather than at the vary values that are looked at. */
  everywhere?: boolean;
  /** Why it cannot be tested, where it never can. */
  untested?: string;
  /** What the same measurement gave in this run where there should be nothing. */
  nullOf?: (run: RunTrace) => NullBand | null;
}

const layersOf = (side: Side): number => side.residue.provenance.model.layers;
const total = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0);
const flat = (matrix: readonly (readonly number[])[]): number => total(matrix.map(total));

/** The span that the heads of a run are measured against: the first that it names. */
export function spanOf(run: RunTrace): string | null {
  return run.salience?.flow?.span ?? Object.keys(run.attention?.spans ?? {})[0] ?? null;
}

const spanSum = (run: RunTrace, pick: 'attention' | 'contribution'): number | null => {
  const span = spanOf(run);
  const section = span === null ? undefined : run.attention?.spans[span];
  return section ? flat(section[pick]) : null;
};

const centreOf = (values: readonly number[] | undefined): number | null =>
  values?.length ? centre(byBlock(values.map((v) => Math.max(0, v)))) : null;

/** What is compared of any two runs, in the order in which a reader needs it. */
export const MEASURES: readonly Measure[] = [
  {
    name: 'margin',
    label: 'margin at the output',
    unit: 'nats',
    evidence: 'observed',
    known: 'wordings',
    of: (run) => run.scores?.margin ?? null,
  },
  {
    name: 'failed',
    label: 'failing share of runs and wordings',
    unit: 'share',
    evidence: 'observed',
    known: 'wordings',
    everywhere: true,
    of: (run) => (run.scores ? Number(run.scores.failed) : null),
  },
  {
    name: 'answer',
    label: 'log p(answer)',
    unit: 'nats',
    evidence: 'observed',
    known: 'wordings',
    of: (run) => run.scores?.answer.logprob ?? null,
  },
  {
    name: 'entropy',
    label: 'entropy of the next token',
    unit: 'nats',
    evidence: 'observed',
    known: 'wordings',
    of: (run) => run.scores?.entropy ?? null,
  },
  {
    name: 'drop',
    label: 'drop against the control',
    unit: 'nats',
    evidence: 'observed',
    known: 'runs',
    of: (run, side) => {
      const control = side.residue.control?.scores;
      return control && run.scores && run.label === 'probe' ? control.margin - run.scores.margin : null;
    },
  },
  {
    name: 'collapse.depth',
    label: 'collapse point, relative depth',
    unit: 'depth',
    evidence: 'observed',
    known: 'runs',
    of: (run, side) => (run.collapse?.layer == null ? null : run.collapse.layer / layersOf(side)),
  },
  {
    name: 'peak.depth',
    label: 'largest margin, relative depth',
    unit: 'depth',
    evidence: 'observed',
    known: 'runs',
    of: (run) => (run.lens?.margin.length ? argmax(run.lens.margin) / (run.lens.margin.length - 1) : null),
  },
  {
    name: 'peak.margin',
    label: 'largest margin of any layer',
    unit: 'nats',
    evidence: 'observed',
    known: 'runs',
    of: (run) => (run.lens?.margin.length ? Math.max(...run.lens.margin) : null),
  },
  {
    name: 'span.attention',
    label: 'attention to the span, mean over heads',
    unit: 'share',
    evidence: 'observed',
    known: 'runs',
    of: (run, side) => {
      const sum = spanSum(run, 'attention');
      return sum === null ? null : sum / (layersOf(side) * side.residue.provenance.model.heads);
    },
    nullOf: spanNull(spanOf, 'attention'),
  },
  {
    name: 'span.contribution',
    label: "the span's contribution through all heads",
    unit: 'nats',
    evidence: 'observed',
    known: 'runs',
    of: (run) => spanSum(run, 'contribution'),
    nullOf: spanNull(spanOf, 'contribution'),
  },
  {
    name: 'direct.attention.share',
    label: "attention's share of direct salience",
    unit: 'share',
    evidence: 'observed',
    known: 'runs',
    of: (run) => {
      if (!run.salience) return null;
      const heads = total(run.salience.direct.attention);
      const all = heads + total(run.salience.direct.mlp);
      return all > 0 ? heads / all : null;
    },
  },
  {
    name: 'direct.attention.depth',
    label: 'centre of direct salience, attention',
    unit: 'depth',
    evidence: 'observed',
    known: 'runs',
    of: (run) => centreOf(run.salience?.direct.attention),
  },
  {
    name: 'direct.mlp.depth',
    label: 'centre of direct salience, MLP',
    unit: 'depth',
    evidence: 'observed',
    known: 'runs',
    of: (run) => centreOf(run.salience?.direct.mlp),
  },
  {
    name: 'causal.attention.depth',
    label: 'centre of the margin lost by ablation, attention',
    unit: 'depth',
    evidence: 'caused',
    known: 'runs',
    of: (run) => centreOf(run.salience?.causal?.attention),
  },
  {
    name: 'causal.mlp.depth',
    label: 'centre of the margin lost by ablation, MLP',
    unit: 'depth',
    evidence: 'caused',
    known: 'runs',
    of: (run) => centreOf(run.salience?.causal?.mlp),
  },
  {
    name: 'rep4',
    label: 'repeated 4-grams of the continuation',
    unit: 'share',
    evidence: 'observed',
    known: 'runs',
    of: (run) => run.looping?.rep4 ?? null,
  },
  ...VERIFIED,
];

/** A command on both sides. */
interface CommandPair {
  /** `INHIBIT`; with its parameters where they tell it from others of that name. */
  name: string;
  label: string;
  in(run: RunTrace): CommandOutcome | undefined;
}

/**
 * The commands that both sides have. A name that stands once on either side is one command, whatever its parameters; of a name that stands
 * several times those of equal parameters belong together, and the others have no partner.
 */
function commandPairs(a: RunTrace, b: RunTrace): CommandPair[] {
  const named = (run: RunTrace, name: string): CommandOutcome[] => (run.commands ?? []).filter((one) => one.name === name);
  const names = [...new Set((a.commands ?? []).map(({ name }) => name))];
  return names.flatMap((name): CommandPair[] => {
    const [own, other] = [named(a, name), named(b, name)];
    if (other.length === 0) return [];
    if (own.length === 1 && other.length === 1) return [{ name, label: name, in: (run) => named(run, name)[0] }];
    return own.flatMap(({ params }, i): CommandPair[] => {
      const key = paramsKey(params);
      // A command that is given twice with the same parameters says the same twice.
      if (own.findIndex((one) => paramsKey(one.params) === key) !== i || !other.some((one) => paramsKey(one.params) === key)) return [];
      return [
        {
          name: `${name} ${key}`,
          label: `${name} ${JSON.stringify(params)}`,
          in: (run) => named(run, name).find((one) => paramsKey(one.params) === key),
        },
      ];
    });
  });
}

const paramsKey = (params: Record<string, unknown>): string => JSON.stringify(Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Numbers that commands report under one name on both sides, such as `INHIBIT.effect`. */
export function commandMeasures(a: RunTrace, b: RunTrace): Measure[] {
  return commandPairs(a, b).flatMap((pair) => {
    const [p, q] = [pair.in(a)!, pair.in(b)!];
    return Object.keys(p.values)
      .filter((key) => typeof p.values[key] === 'number' && typeof q.values[key] === 'number')
      .map((key) => ({
        name: `${pair.name}.${key}`,
        label: `${pair.label}: ${key}`,
        unit: p.measures?.[key]?.unit ?? '',
        evidence: p.measures?.[key]?.evidence ?? p.evidence,
        known: 'runs' as const,
        of: (run: RunTrace) => {
          const value = pair.in(run)?.values[key];
          return typeof value === 'number' ? value : null;
        },
        nullOf: (run: RunTrace) => pair.in(run)?.nulls?.[key] ?? null,
      }));
  });
}

/** A difference before it is tested. */
export function differenceOf(
  { name, label, unit, evidence, of, everywhere, nullOf }: Measure,
  a: Side,
  b: Side,
): Omit<Difference, 'test' | 'wording'> {
  // A share is over everything that was run.
  const value = (side: Side): number | null => {
    if (!everywhere) return of(side.run, side);
    const values = [...side.runs, ...side.paraphrases].flatMap((run) => of(run, side) ?? []);
    return values.length === 0 ? null : mean(values);
  };
  const [p, q] = [value(a), value(b)];
  const nulls = nullOf ? { a: nullOf(a.run), b: nullOf(b.run) } : null;
  return {
    ...{ name, label, unit, evidence, a: p, b: q, difference: p === null || q === null ? null : q - p },
    ...(nulls && (nulls.a || nulls.b) ? { nulls } : {}),
  };
}

export interface CurveSpec {
  name: string;
  label: string;
  unit: string;
  evidence: Evidence;
  of: (run: RunTrace) => DepthCurve | null;
}

const blocks = (values: readonly number[] | undefined | null): DepthCurve | null => (values?.length ? byBlock(values) : null);

/** Curves over relative depth. */
export const CURVES: readonly CurveSpec[] = [
  {
    name: 'margin',
    label: 'margin',
    unit: 'nats',
    evidence: 'observed',
    of: (run) => (run.lens?.margin.length ? byRow(run.lens.margin) : null),
  },
  {
    name: 'direct.attention',
    label: 'direct salience, attention',
    unit: 'nats',
    evidence: 'observed',
    of: (run) => blocks(run.salience?.direct.attention),
  },
  { name: 'direct.mlp', label: 'direct salience, MLP', unit: 'nats', evidence: 'observed', of: (run) => blocks(run.salience?.direct.mlp) },
  { name: 'flow', label: 'flow from the span', unit: 'share', evidence: 'observed', of: (run) => blocks(run.salience?.flow?.share) },
  {
    name: 'causal.attention',
    label: 'margin lost without attention',
    unit: 'nats',
    evidence: 'caused',
    of: (run) => blocks(run.salience?.causal?.attention),
  },
  {
    name: 'causal.mlp',
    label: 'margin lost without the MLP',
    unit: 'nats',
    evidence: 'caused',
    of: (run) => blocks(run.salience?.causal?.mlp),
  },
  ...VERIFIED_CURVES,
];
