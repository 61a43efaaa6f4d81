import { bringsAnswerBack, causedLayers, layersInWords } from '../interval.js';
import { doubtsOf, standingOf } from '../standing.js';
import type { RunTrace } from '../types.js';
import { nats, percent, printable, table, wrap, type Look, type Paint } from './text.js';

/** Recovery as a share of the drop, and how it looks beside others: `0.95 ████████`. */
function bar(value: number | undefined): string {
  if (value === undefined) return '';
  const filled = Math.round(8 * Math.min(1, Math.max(0, value)));
  return `${value.toFixed(2).replace('-', '−')} ${'█'.repeat(filled)}`;
}

/** What interventions did to the margin: recovery by layer, the strongest patches, and the named components taken out. */
export function causeLines(run: RunTrace, look: Look, paint: Paint): string[] {
  const { verification } = run;
  if (!verification) return [];
  const { curves, interval, maps, knockout, effects, source, open } = verification;
  const lines: string[] = [];
  const say = (text: string): void => void lines.push(...wrap(text, look.width - 2).map((l) => `  ${l}`));
  if (curves) {
    const from = interval?.from ?? null;
    const to = interval?.to ?? null;
    const lost = bringsAnswerBack(run);
    const back = lost ? 'it still comes back' : 'half of it or more is there';
    if (from !== null && to !== null) {
      say(
        `${lost ? 'The answer is lost' : 'What the control is ahead of the prompt by comes about'} in ${layersInWords(causedLayers(run)!)}: patched from the control ${back} at ${printable(source ?? '')} up to layer ${from}, at the answer position from layer ${to} on${behind(interval)}.`,
      );
    } else if (to !== null)
      say(
        `Patched from the control, ${lost ? 'the answer comes back' : 'half of what it is ahead by, or more, is there'} at the answer position from layer ${to} on${behind(interval)}.`,
      );
    const columns = [
      { label: 'layer', align: 'right' as const },
      { label: source === null ? 'recovery at the source' : `recovery at ${printable(source)}` },
      { label: 'recovery at the answer position' },
    ];
    lines.push(
      ...table(
        columns,
        curves.answer.map((r, l) => [String(l), bar(curves.source?.[l]), bar(r)]),
        look,
      ),
    );
  }
  for (const map of maps) {
    const best = strongest(map.recovery);
    if (!best) continue;
    const [start, end] = map.groups[best.group]!;
    const words = run.tokens
      .slice(start, end)
      .map(({ text }) => text)
      .join('');
    const where = end - start > 1 ? `positions ${start}–${end - 1}` : `position ${start}`;
    say(
      `${map.at}: the strongest single patch brings back ${percent(best.value)} of the drop, in layer ${best.layer} at ${where} (${printable(JSON.stringify(words.slice(0, 40)))})${map.complete ? '' : '; positions were patched in groups'}.`,
    );
  }
  if (knockout)
    say(
      `Cutting the answer position off from ${printable(knockout.span)} changes the margin by ${nats(knockout.effect)}${behind(knockout)}.`,
    );
  if (effects.length > 0) {
    lines.push(
      ...table(
        [
          { label: 'removed' },
          { label: 'predicted', align: 'right' },
          { label: 'zero', align: 'right' },
          { label: 'mean', align: 'right' },
          { label: 'resample', align: 'right' },
          { label: 'made up by' },
        ],
        effects.map((effect) => [
          [effect.component, ...doubtsOf(effect)].join(', '),
          nats(effect.predicted),
          nats(effect.zero),
          nats(effect.mean),
          nats(effect.resample),
          effect.repair.by
            .filter(({ change }) => change * effect.predicted < 0)
            .map(({ component, change }) => `${component} ${nats(change)}`)
            .join(', '),
        ]),
        look,
      ),
    );
    const legend = 'predicted: minus its direct contribution (read off); the others: change of the margin, nats';
    lines.push(...wrap(legend, look.width - 2).map((line) => `  ${paint.faint(line)}`));
  }
  for (const reason of open) say(`Not checked: ${printable(reason)}.`);
  return lines;
}

/** ` (p = 0.030; 6 of 8 agree, unstable)`; nothing where nothing stands behind it. */
function behind(found: Parameters<typeof standingOf>[0] | null): string {
  const words = found ? standingOf(found) : '';
  return words === '' ? '' : ` (${words})`;
}

function strongest(recovery: readonly (readonly number[])[]): { layer: number; group: number; value: number } | null {
  let best: { layer: number; group: number; value: number } | null = null;
  recovery.forEach((row, layer) =>
    row.forEach((value, group) => {
      if (!best || value > best.value) best = { layer, group, value };
    }),
  );
  return best;
}
