import { boolean, count, list, matrix, nullable, object, share, type Schema } from './schema-words.js';

const strength: Schema = { type: 'number', minimum: 0 };

/** The section of types-map.ts. */
export const mapSections: Record<string, Schema> = {
  LensMap: object(
    {
      positions: list(count),
      complete: boolean,
      answerLogprob: matrix,
      answerRank: list(list(count)),
      entropy: list(list(strength)),
      norm: list(list(strength)),
      nullShare: nullable(list(list(share))),
    },
    ['answerRank', 'entropy', 'norm', 'nullShare'],
  ),
};
