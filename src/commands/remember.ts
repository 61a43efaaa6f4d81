import type { CommandOutcome } from '../residue/types.js';
import { readAnchors, type AnchorReading } from '../run/temporal/anchors.js';
import { nats, plain, quote } from '../run/words.js';
import { anchorsSchema, checkRight, missingSpan, rightSchema, summarise, type AnchorSummary } from './anchors.js';
import { range, withoutSpan } from './shared.js';
import type { Command } from './types.js';

interface RememberParams {
  spans: string[];
  right?: string;
}

const NOTHING = {
  attended: null,
  attendedMass: null,
  written: null,
  writtenSize: null,
  right: null,
  rightMass: null,
  rightWritten: null,
  attendsRight: null,
  writesRight: null,
  layersOnRight: null,
  layersOnWrong: null,
  attendedInControl: null,
  writtenInControl: null,
};

export const remember: Command<RememberParams> = {
  name: 'REMEMBER',
  summary: 'Declares moments in their order, and reads which of them the answer position attends to and writes.',
  docs: `**REMEMBER** declares ordered time anchors (spans) and reads, for each layer and head, which of them the answer position p

- *attends to* (share): Σ over the anchor of α(p, k), and value-weighted, ‖Σ α v W_O‖ (Kobayashi et al. 2020). A layer counts as attending to an anchor only if that has more than even attention over all tokens would give it.
- *writes* (nats): what its output adds to the mean logit of the anchor's **own tokens** against the other anchors', the final norm's scale frozen (direct logit attribution, Elhage et al. 2021). Own tokens are those that no other anchor has; where each anchor has some that the answer or a rival begins with, these alone.

and how likely each anchor's own tokens are at every layer (logit lens). \`right\` names the anchor that is asked for. Looking at a moment and
saying it are two things, so both are told. All of it is **read off**.`,
  params: {
    type: 'object',
    required: ['spans'],
    additionalProperties: false,
    properties: { spans: anchorsSchema('The anchors, earliest first.'), right: rightSchema },
  },
  snippet: 'REMEMBER: { spans: [${1:noon}, ${2:night}], right: ${1:noon} }',
  measures: {
    attended: { unit: '', summary: 'The anchor that the answer position attends to most, mean over all heads.' },
    attendedMass: { unit: 'share', summary: 'Its attention mass.' },
    written: { unit: '', summary: "The anchor whose own tokens all heads together write most, against the other anchors'." },
    writtenSize: { unit: 'nats', summary: 'By how much.' },
    right: { unit: '', summary: 'The anchor that is asked for.' },
    rightMass: { unit: 'share', summary: 'Attention mass of the right anchor.' },
    rightWritten: { unit: 'nats', summary: "What all heads write toward the right anchor's own tokens." },
    attendsRight: { unit: '', summary: 'Whether the most attended anchor is the right one.' },
    writesRight: { unit: '', summary: 'Whether the most written anchor is the right one.' },
    layersOnRight: { unit: 'layers', summary: 'Layers that attend most to the right anchor.' },
    layersOnWrong: { unit: 'layers', summary: 'Layers that attend most to another anchor.' },
    attendedInControl: { unit: '', summary: 'The most attended anchor in the control.' },
    writtenInControl: { unit: '', summary: 'The most written anchor in the control.' },
  },
  check(_spec, _probe, { spans, right }) {
    checkRight({ anchors: spans, right: right ?? null }, 'REMEMBER');
  },
  async run({ model, probe, control, signal }, params) {
    const { spans, right } = params;
    const missing = missingSpan(probe.prompt, spans);
    if (missing !== null) return withoutSpan('REMEMBER', { ...params }, missing, NOTHING);
    const here = await readAnchors(model, probe, spans, signal);
    const there = control && missingSpan(control.prompt, spans) === null ? await readAnchors(model, control, spans, signal) : null;
    const sum = summarise(here, probe.position + 1);
    return report(params, here, sum, there && summarise(there, control!.position + 1), right === undefined ? null : spans.indexOf(right));
  },
};

function report(
  params: RememberParams,
  anchors: readonly AnchorReading[],
  sum: AnchorSummary,
  twin: AnchorSummary | null,
  right: number | null,
): CommandOutcome {
  const name = (index: number | null): string | null => (index === null ? null : params.spans[index]!);
  const called = (index: number): string => quote(params.spans[index]!);
  const layers = range(sum.attendedByLayer.length);
  const onRight = right === null ? null : sum.attendedByLayer.filter((one) => one === right).length;
  const onWrong = right === null ? null : sum.attendedByLayer.filter((one) => one !== null && one !== right).length;
  const unshared = anchors.filter(({ own }) => own.length > 0).length;
  const findings = [
    sum.attended === null
      ? 'The answer position attends to no anchor more than even attention would.'
      : `The answer position attends most to ${called(sum.attended)}: ${plain(100 * sum.mass[sum.attended]!)} % of its attention, mean over all heads${right !== null && sum.attended !== right ? `; the right anchor ${called(right)} gets ${plain(100 * sum.mass[right]!)} %` : ''}.`,
    sum.writes === null
      ? `${unshared === 0 ? 'The anchors hold the same tokens' : 'Only one of the anchors has tokens that no other has'}, so what is written toward each cannot be told apart.`
      : `All heads together write most toward ${called(sum.writes)}: ${nats(sum.written[sum.writes]!)} against the other anchors' tokens${right !== null && sum.writes !== right && sum.written[right] !== null ? `, ${nats(sum.written[right]!)} toward the right one, ${called(right)}` : ''}.`,
    ...(right === null
      ? []
      : [`Of ${layers.length} layers, ${onRight} attend most to the right anchor ${called(right)} and ${onWrong} to another.`]),
    ...(twin
      ? [
          `In the control it attends most to ${twin.attended === null ? 'none of them' : called(twin.attended)} and writes most toward ${twin.writes === null ? 'none' : called(twin.writes)}.`,
        ]
      : []),
    ...(unshared > 0 && unshared < anchors.length
      ? [`Without tokens of their own: ${anchors.flatMap(({ own }, i) => (own.length > 0 ? [] : [called(i)])).join(', ')}.`]
      : []),
  ];
  const curve = (title: string, yLabel: string, unit: string, x: number[], of: readonly (readonly (number | null)[])[]) => ({
    title,
    xLabel: 'layer',
    yLabel,
    unit,
    x,
    series: of.map((y, i) => ({ label: params.spans[i]!, y: [...y] })),
  });
  const rows = [...layers, layers.length];
  return {
    name: 'REMEMBER',
    params: { ...params },
    evidence: 'observed',
    findings,
    values: {
      attended: name(sum.attended),
      attendedMass: sum.attended === null ? null : sum.mass[sum.attended]!,
      written: name(sum.writes),
      writtenSize: sum.writes === null ? null : sum.written[sum.writes]!,
      right: name(right),
      rightMass: right === null ? null : sum.mass[right]!,
      rightWritten: right === null ? null : sum.written[right]!,
      attendsRight: right === null ? null : sum.attended === right,
      writesRight: right === null || sum.writes === null || sum.written[right] === null ? null : sum.writes === right,
      layersOnRight: onRight,
      layersOnWrong: onWrong,
      attendedInControl: twin && name(twin.attended),
      writtenInControl: twin && name(twin.writes),
    },
    curves: [
      curve('Attention to each anchor', 'attention', 'share, mean over heads', layers, sum.massByLayer),
      curve("Written by the heads toward each anchor's own tokens", 'contribution', 'nats', layers, sum.writtenByLayer),
      curve(
        "Log-probability of each anchor's own tokens",
        'log-probability',
        'nats',
        rows,
        anchors.map(({ logprob }) => logprob ?? rows.map(() => null)),
      ),
    ],
    tables: [layerTable(params.spans, sum, twin), headTable(anchors)],
  };
}

function layerTable(names: readonly string[], sum: AnchorSummary, twin: AnchorSummary | null): CommandOutcome['tables'][number] {
  const called = (index: number | null): string | null => (index === null ? null : names[index]!);
  return {
    title: 'The anchor of each layer',
    columns: [
      { label: 'layer' },
      { label: 'attends to' },
      { label: 'attention', unit: 'share' },
      { label: 'writes' },
      { label: 'contribution', unit: 'nats' },
      ...(twin ? [{ label: 'attends to in control' }, { label: 'writes in control' }] : []),
    ],
    rows: sum.attendedByLayer.map((attended, l) => {
      const writes = sum.writesByLayer[l]!;
      return [
        l,
        called(attended),
        attended === null ? null : sum.massByLayer[attended]![l]!,
        called(writes),
        writes === null ? null : sum.writtenByLayer[writes]![l]!,
        ...(twin ? [called(twin.attendedByLayer[l]!), called(twin.writesByLayer[l]!)] : []),
      ];
    }),
  };
}

/** Every head, those first that bring most from an anchor. */
function headTable(anchors: readonly AnchorReading[]): CommandOutcome['tables'][number] {
  const rows = anchors[0]!.attention.flatMap((heads, l) =>
    heads.map((_, h) => ({
      size: Math.max(...anchors.map(({ valueWeighted }) => valueWeighted[l]![h]!)),
      cells: [
        `${l}.${h}`,
        ...anchors.map(({ attention }) => attention[l]![h]!),
        ...anchors.map(({ valueWeighted }) => valueWeighted[l]![h]!),
        ...anchors.map(({ written }) => written?.[l]![h] ?? null),
      ],
    })),
  );
  rows.sort((a, b) => b.size - a.size);
  return {
    title: 'Heads by what they bring from an anchor',
    columns: [
      { label: 'head' },
      ...anchors.map(({ name }) => ({ label: `attention to ${name}`, unit: 'share' })),
      ...anchors.map(({ name }) => ({ label: `‖αvW_O‖ from ${name}` })),
      ...anchors.map(({ name }) => ({ label: `written toward ${name}`, unit: 'nats' })),
    ],
    rows: rows.map(({ cells }) => cells),
  };
}
