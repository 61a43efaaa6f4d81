import type { Command } from '../../src/commands/types.js';
import { editedMargins } from '../../src/run/edited.js';
import { contest } from '../../src/commands/shared.js';

interface TallyParams {
  span: string;
}

/** A command that the product does not have, as its one file would be: it zeroes the embedding of a span. */
export const tally: Command<TallyParams> = {
  name: 'TALLY',
  summary: 'Takes a span out of the embeddings.',
  docs: '**TALLY** replaces the embeddings of a span by zero and measures the margin again.',
  params: {
    type: 'object',
    required: ['span'],
    additionalProperties: false,
    properties: { span: { type: 'string', minLength: 1, 'x-span': true, description: 'The span.' } },
  },
  snippet: 'TALLY: { span: ${1:fact} }',
  measures: {
    lost: { unit: 'nats', summary: 'Margin lost.' },
    tokens: { unit: 'tokens', evidence: 'observed', summary: 'Tokens of the span.' },
  },
  async run(context, params) {
    const { model, probe } = context;
    const [start, end] = probe.prompt.spans[params.span]!;
    const positions = Array.from({ length: end - start }, (_, i) => start + i);
    const value = new Float32Array(model.spec.dModel);
    const [base, without] = await editedMargins(
      model,
      probe.prompt.ids,
      [[], [{ kind: 'replace', at: 'resid_pre', layer: 0, positions, value }]],
      contest(context),
    );
    const lost = base! - without!;
    return {
      name: 'TALLY',
      params: { ...params },
      evidence: 'caused',
      findings: ['The span was taken out (tested by intervention).'],
      values: { lost, tokens: positions.length },
      curves: [],
      tables: [{ title: 'Tallied tokens', evidence: 'observed', columns: [{ label: 'position' }], rows: positions.map((p) => [p]) }],
    };
  },
  claims: ({ values: { lost } }) => [`the span is needed: ${String((lost as number) > 0)}`],
};
