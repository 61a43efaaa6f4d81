import { InputError } from '../errors.js';
import { attendedAnchor, largest } from '../methods/anchors.js';
import { mean } from '../methods/statistics.js';
import type { AnchorReading } from '../run/temporal/anchors.js';
import type { PreparedPrompt } from '../run/types.js';
import type { Shell } from '../shell/types.js';
import { spanSchema } from './schema.js';
import { range } from './shared.js';
import type { ParamSchema } from './types.js';

/** Most anchors of one command: more could not be told apart in a chart. */
export const MAX_ANCHORS = 8;

/** Schema of an ordered list of spans. */
export const anchorsSchema = (description: string): ParamSchema => ({
  type: 'array',
  minItems: 2,
  maxItems: MAX_ANCHORS,
  uniqueItems: true,
  description,
  'x-expected': 'a list of spans in the order of time, such as [morning, noon, night]',
  items: spanSchema,
});

/** Schema of two spans between which a gap opens. */
export const betweenSchema: ParamSchema = {
  type: 'array',
  minItems: 2,
  maxItems: 2,
  uniqueItems: true,
  description: 'Two spans. The gap opens before the first token of whichever comes later.',
  'x-expected': 'two spans, such as [noon, question]',
  items: spanSchema,
};

export const rightSchema: ParamSchema = {
  ...spanSchema,
  description: 'The anchor that holds what is asked for.',
};

export interface AnchorsAsked {
  anchors: string[];
  right: string | null;
}

/** A command's anchors: its own, else those of the shell's REMEMBER, else `otherwise`. */
export function anchorsOf(shell: Shell, own: { anchors?: string[]; right?: string }, otherwise: readonly string[]): AnchorsAsked {
  const remembered = shell.run.find(({ name }) => name === 'REMEMBER')?.params as { spans: string[]; right?: string } | undefined;
  const anchors = own.anchors ?? remembered?.spans ?? [...otherwise];
  const right = own.right ?? (own.anchors ? undefined : remembered?.right);
  return { anchors, right: right ?? null };
}

/** Refuses a `right` that is no anchor. */
export function checkRight({ anchors, right }: AnchorsAsked, command: string): void {
  if (right === null || anchors.includes(right)) return;
  throw new InputError(`The right anchor "${right}" is not among the anchors ${anchors.map((name) => `"${name}"`).join(', ')}.`, {
    field: `${command}.right`,
  });
}

/** The first of `names` that a prompt does not mark; null when it has all. */
export const missingSpan = ({ spans }: PreparedPrompt, names: readonly string[]): string | null =>
  names.find((name) => !Object.hasOwn(spans, name)) ?? null;

/** What a run's anchors come to, over all layers and by layer. */
export interface AnchorSummary {
  /** Attention mass, mean over all heads, [anchor]. */
  mass: number[];
  /** [anchor][layer], mean over heads. */
  massByLayer: number[][];
  /** What all heads write, nats, [anchor]; null without own tokens. */
  written: (number | null)[];
  /** [anchor][layer] */
  writtenByLayer: (number | null)[][];
  /** Index of the anchor with the largest mass / written sum; null where there is none. */
  attended: number | null;
  writes: number | null;
  /** The same by layer. */
  attendedByLayer: (number | null)[];
  writesByLayer: (number | null)[];
}

/** @param tokens Tokens up to the answer position, itself included. */
export function summarise(anchors: readonly AnchorReading[], tokens: number): AnchorSummary {
  const layers = range(anchors[0]!.attention.length);
  const massByLayer = anchors.map(({ attention }) => attention.map((heads) => mean(heads)));
  const total = (heads: readonly number[]): number => heads.reduce((a, b) => a + b, 0);
  const writtenByLayer = anchors.map(({ written }) => layers.map((l) => (written ? total(written[l]!) : null)));
  const mass = massByLayer.map((row) => mean(row));
  const written = anchors.map((anchor) => (anchor.written ? total(anchor.written.flat()) : null));
  const lengths = anchors.map(({ span: [start, end] }) => end - start);
  return {
    mass,
    massByLayer,
    written,
    writtenByLayer,
    attended: attendedAnchor(mass, lengths, tokens),
    writes: largest(written),
    attendedByLayer: layers.map((l) =>
      attendedAnchor(
        massByLayer.map((row) => row[l]!),
        lengths,
        tokens,
      ),
    ),
    writesByLayer: layers.map((l) => largest(writtenByLayer.map((row) => row[l]!))),
  };
}
