import { formedAt } from '../methods/collapse.js';
import { lensRow, rankOf } from '../methods/lens.js';
import type { CommandOutcome } from '../residue/types.js';
import { count, plain, quote } from '../run/words.js';
import { range } from './shared.js';
import type { Command } from './types.js';

export const recall: Command = {
  name: 'RECALL',
  summary: "Follows the answer through the layers, and asks whether the model's continuation ever says it.",
  docs: `**RECALL** reads how the answer's first token rises and falls at the answer position, and lets the model speak.

- *lens trajectory* (nats) and *rank* (0 = first): log softmax of U · N(r_l(p)) at every layer l, final norm recomputed (logit lens, nostalgebraist 2020).
- *said*: whether the answer's tokens stand in the continuation, and at which token they begin. The continuation is the shell's \`generate\`, or 40 greedy tokens.
- *looping*: rep-4, the share of 4-grams in it that repeat an earlier one (Welleck et al. 2020), and the smallest period that its tail repeats three times or more.

All of it is **read off**: nothing is changed.`,
  params: { type: 'object', additionalProperties: false, properties: {} },
  snippet: 'RECALL: {}',
  measures: {
    rank: { unit: 'rank', summary: "Rank of the answer's first token at the output; 0 is first." },
    bestRank: { unit: 'rank', summary: 'Its best rank at any layer.' },
    bestLayer: { unit: 'layer', summary: 'The first layer with that rank.' },
    logprob: { unit: 'nats', summary: "Log-probability of the answer's first token at the output." },
    said: { unit: '', summary: 'Whether the continuation says the answer.' },
    saidAt: { unit: 'token', summary: 'The generated token at which it begins, from 0.' },
    loops: { unit: '', summary: 'Whether the continuation ends in a repetition.' },
    rep4: { unit: 'share', summary: 'Share of 4-grams in the continuation that occurred before in it.' },
    period: { unit: 'tokens', summary: 'Length of what is repeated.' },
  },
  needsGeneration: true,
  async run({ trace, control }, params) {
    const { lens, scores, generation, looping } = trace;
    if (!lens || !scores || !generation || !looping) throw new Error('RECALL ran before the lens and the continuation were there.');
    const answer = quote(scores.answer.text);
    const bestRank = Math.min(...lens.answerRank);
    const bestLayer = lens.answerRank.indexOf(bestRank);
    const last = lens.answerRank.length - 1;
    const formed = formedAt(lens.margin);
    const findings = [
      formed === null
        ? `${answer} ranks ${place(scores.answer.rank)} at the output; its best is ${place(bestRank)}, at layer ${bestLayer} of ${last}.`
        : `${answer} ranks ${place(scores.answer.rank)} at the output, and leads its rivals from layer ${formed} of ${last} on.`,
      generation.answerAt === null
        ? `The continuation of ${count(generation.ids.length, 'token')} never says it.`
        : `The continuation says it at token ${generation.answerAt + 1} of ${generation.ids.length}.`,
      looping.loops
        ? `The continuation loops: its last ${count(looping.period!, 'token')} stand there ${looping.repeats} times.`
        : `The continuation does not loop; ${plain(100 * looping.rep4)} % of its 4-grams repeat an earlier one.`,
    ];
    const rows = control ? range(last + 1).map((l) => lensRow(control.lens, l)) : null;
    const id = scores.answer.ids[0]!;
    const curve = (
      title: string,
      yLabel: string,
      unit: string,
      probe: number[],
      twin: number[] | null,
    ): CommandOutcome['curves'][number] => ({
      title,
      xLabel: 'layer',
      yLabel,
      unit,
      x: range(last + 1),
      series: [{ label: 'probe', y: probe }, ...(twin ? [{ label: 'control', y: twin }] : [])],
    });
    return {
      name: 'RECALL',
      params,
      evidence: 'observed',
      findings,
      values: {
        rank: scores.answer.rank,
        bestRank,
        bestLayer,
        logprob: scores.answer.logprob,
        said: generation.answerAt !== null,
        saidAt: generation.answerAt,
        loops: looping.loops,
        rep4: looping.rep4,
        period: looping.period,
      },
      curves: [
        curve(`Log-probability of ${answer}`, 'log-probability', 'nats', lens.answerLogprob, rows && rows.map((row) => row[id]!)),
        curve(`Rank of ${answer}`, 'rank', 'tokens before it', lens.answerRank, rows && rows.map((row) => rankOf(row, id))),
      ],
      tables: [],
    };
  },
};

const place = (rank: number): string => (rank === 0 ? 'first' : `${rank + 1}${ordinal(rank + 1)}`);

function ordinal(n: number): string {
  if (n % 100 >= 11 && n % 100 <= 13) return 'th';
  return ['th', 'st', 'nd', 'rd'][n % 10] ?? 'th';
}
