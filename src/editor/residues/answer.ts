import { InputError } from '../../errors.js';
import { isResidue } from '../../residue/guards.js';
import { reportHtml } from '../../residue/html.js';
import { formatMarkdown } from '../../residue/markdown.js';
import { checkResidue, inconsistency } from '../../residue/read.js';
import { reportAssets } from '../../residue/report-assets.js';
import type { Residue } from '../../residue/types.js';
import { serializeResidue } from '../../residue/write.js';
import { contentOf } from '../results/fingerprint.js';
import { summarise } from '../results/summary.js';
import { outcomeOf, shellOutcome } from '../testing/outcomes.js';
import { shellTests } from '../testing/tree.js';
import type { Ask, AskParams, AskResult } from './protocol.js';

const read = ({ json }: { json: string }): Residue => JSON.parse(json) as Residue;

/** Each question of the protocol, answered. Of a residue all but `check` are asked once it was checked. */
const answers: { [A in Ask]: (params: AskParams<A>) => AskResult<A> } = {
  check: ({ json }) => problemOf(json),
  html: (params) => reportHtml(read(params), reportAssets()),
  markdown: (params) => formatMarkdown(read(params)),
  file: (params) => serializeResidue(read(params)),
  tests: ({ text }) => shellTests(text),
  summary: ({ json, commands }) => {
    const residue = read({ json });
    const { created: at, provenance } = residue;
    return { at, summary: summarise(residue, commands ?? undefined), content: contentOf(provenance.model.files) };
  },
  stopped: ({ json, at }) => JSON.stringify({ ...read({ json }), status: 'cancelled', cancelledAt: at } satisfies Residue),
  outcomes: ({ json, nodes }) => {
    const residue = read({ json });
    const found = nodes.map((node) => outcomeOf(node, residue));
    return { nodes: found, shell: shellOutcome(residue, found.filter(({ state }) => state === 'failed').length) };
  },
};

export function answer<A extends Ask>(ask: A, params: AskParams<A>): AskResult<A> {
  return answers[ask](params);
}

/** A residue of another version may have sections more or less. */
function problemOf(json: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    // A text that nests too deeply runs out of stack.
    return error instanceof SyntaxError ? 'it is not JSON, so it is not a residue.' : 'it is not a residue.';
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format !== 1) return `it has format ${format}; this version of the extension reads format 1.`;
  if (isResidue(value)) return inconsistency(value);
  try {
    checkResidue(value);
  } catch (error) {
    if (error instanceof InputError) return `it is not a residue: ${error.message}`;
  }
  return 'it is not a residue; `residue run --out` and “Save Residue As…” write one.';
}
