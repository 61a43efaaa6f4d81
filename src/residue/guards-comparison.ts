import { interval, isBoolean, isNumber, isString, list, numbers, one, orNull, range, record, shape, type Check } from './guard-words.js';
import type { Comparison } from './types-comparison.js';

const test = orNull(shape({ over: isString, n: interval, mean: isNumber, p: isNumber, smallest: isNumber, q: isNumber }));
const side = shape({
  label: isString,
  file: orNull(isString),
  shell: shape({ id: isString, title: isString }),
  model: shape({ id: isString, layers: isNumber, heads: isNumber }),
  run: isString,
  answer: isString,
  rival: orNull(isString),
  says: orNull(isString),
  failed: isBoolean,
  margin: isNumber,
  collapse: shape({ kind: one('none', 'lost', 'never-formed'), layer: isNumber, depth: isNumber }),
  density: orNull(shape({ failing: isNumber, total: isNumber, interval })),
  tokens: list(shape({ id: isNumber, text: isString })),
  spans: record(range),
});
const points = shape({ x: numbers, y: numbers });
const head = shape({ layer: isNumber, head: isNumber, attention: isNumber, contribution: isNumber });
const dose = shape({ margin: isNumber, failed: isBoolean });
const score = orNull(shape({ present: isBoolean, score: isNumber }));
const evidence = one('observed', 'caused');

const comparison: Check = shape({
  kind: one('comparison'),
  a: side,
  b: side,
  design: one('pairs', 'groups'),
  curves: list(shape({ name: isString, label: isString, unit: isString, evidence, a: points, b: points, difference: points })),
  differences: list(
    shape({
      name: isString,
      label: isString,
      unit: isString,
      evidence,
      a: isNumber,
      b: isNumber,
      difference: isNumber,
      test,
      'untested?': isString,
      wording: orNull(shape({ pairs: isNumber, p95: isNumber, beyond: isBoolean })),
    }),
  ),
  heads: orNull(
    shape({
      by: one('index', 'role'),
      pairs: list(shape({ a: head, b: head, distance: isNumber, chance: isNumber, test })),
      unmatched: shape({ a: list(head), b: list(head) }),
    }),
  ),
  doses: list(shape({ vary: record(isString), x: isNumber, a: dose, b: dose, difference: isNumber, test })),
  tokens: shape({
    pairs: list(range),
    onlyA: isNumber,
    onlyB: isNumber,
    rows: list(shape({ a: isNumber, b: isNumber, text: isString, contribution: interval, attention: interval })),
  }),
  patterns: list(shape({ name: isString, a: score, b: score })),
  tests: isNumber,
  findings: list(isString),
  notes: list(isString),
});

/** Whether a value has the structure of a comparison, as the panel needs it. */
export function isComparison(value: unknown): value is Comparison {
  return comparison(value);
}
