import type { Attribution, Residue, RunTrace } from '../../src/residue/types.js';
import { nats, number, probability, visible } from './format.js';
import { METHODS } from '../../src/method-anchors.js';

/** A small number with what it means. */
export interface Fact {
  name: string;
  value: string;
  /** Formula and scale, for the tooltip. */
  title: string;
  anchor: string;
}

export interface ShapeModel {
  facts: Fact[];
  /** What made nothing come, in sentences; empty when something comes. */
  nothing: string[];
}

/** Trace complexity, logit-null share and null-space volume, and what made nothing come; null until they are there. */
export function shapeModel(residue: Residue, run: RunTrace): ShapeModel | null {
  const { shape, nothing } = run;
  if (!shape) return null;
  const { nullSpace } = residue;
  const even = nullSpace ? `; ${probability(nullSpace.directions / nullSpace.of)} for a vector without a preferred direction` : '';
  return {
    facts: [
      {
        name: 'trace complexity',
        value: `${number(shape.complexity)} of ${shape.parts} parts`,
        title: 'Participation ratio (Σ|c|)² / Σc² of the contributions to the margin: as many equal parts would carry it',
        anchor: METHODS.complexity,
      },
      {
        name: 'logit-null share',
        value: shape.logitNull === null ? 'not measured' : probability(shape.logitNull),
        title: `Part of ‖N(r)‖² at the output in the unembedding’s weak singular directions${even}`,
        anchor: METHODS.nullSpace,
      },
      ...(nullSpace
        ? [
            {
              name: 'null-space volume',
              value: `${probability(nullSpace.volume)} over ${nullSpace.byRun.length} ${nullSpace.byRun.length === 1 ? 'run' : 'runs'}`,
              title: `Mean logit-null share over varied and paraphrased runs${even}`,
              anchor: METHODS.nullSpace,
            },
          ]
        : []),
    ],
    nothing: nothing ? sentences(nothing) : [],
  };
}

function sentences({ reason, endOfText, entropy }: NonNullable<RunTrace['nothing']>): string[] {
  return [
    reason === 'end-of-text' ? 'The model would end the text here.' : 'No token reaches a probability of 0.1.',
    ...(endOfText
      ? [`The logit of ${visible(endOfText.token)} (${nats(endOfText.terms.total)}) comes most from ${strongest(endOfText.terms)}.`]
      : []),
    `The output’s entropy is ${nats(entropy.total)} against an even one, most by ${strongest(entropy)}.`,
  ];
}

const strongest = (terms: Attribution): string =>
  [
    ...terms.head.flatMap((row, l) => row.map((c, h) => ({ name: `head ${l}.${h}`, c }))),
    ...terms.mlp.map((c, l) => ({ name: `MLP ${l}`, c })),
  ]
    .sort((a, b) => Math.abs(b.c) - Math.abs(a.c))
    .slice(0, 3)
    .map(({ name, c }) => `${name} (${nats(c)})`)
    .join(', ');
