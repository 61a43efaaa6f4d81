import { durationText, percentOf } from '../../hub/pace.js';
import type { Check } from '../../hub/checks.js';
import type { Inspection } from '../../hub/inspect.js';
import type { DownloadRow, ModelRow } from '../../hub/protocol.js';
import { sizeText } from '../../hub/size.js';

/** What was found when a model was looked at. */
export interface Look {
  inspection: Inspection;
  check: Check;
}

/** A download as the view shows it. */
export interface DownloadView extends DownloadRow {
  /** Of this window, running now. */
  running: boolean;
  /** Bytes per second; null when that is not known. */
  rate: number | null;
  /** Why nothing comes at the moment. */
  waiting: string | null;
}

/** One line of the Models view, in words. No colour says what no word says. */
export interface Line {
  label: string;
  description: string;
  /** Codicon. */
  icon: string;
  /** Theme colour of the icon. */
  color?: string;
  /** What a screen reader says. */
  spoken: string;
  /** Paragraphs of the tooltip. */
  tooltip: string[];
  /** For the menus' `when`. */
  context: string;
}

const millions = (n: number): string =>
  n >= 1e9 ? `${(n / 1e9).toFixed(2)} G` : n >= 1e6 ? `${(n / 1e6).toFixed(1)} M` : `${(n / 1e3).toFixed(0)} k`;

/** A model's line; `look` undefined: it is just being opened. */
export function modelLine({ id, path, origin, source }: ModelRow, look: Look | undefined, inUse: boolean): Line {
  const { facts, fault, bytes } = look?.inspection ?? { facts: null, fault: null, bytes: 0 };
  const size = look ? sizeText(bytes) : '';
  const what = facts
    ? [facts.family, `${millions(facts.parameters)} parameters`, facts.dtype, size]
    : fault
      ? ['does not open', size]
      : ['…'];
  const [icon, color] = iconOf(look);
  const said = [inUse ? 'in use' : '', ...what].filter(Boolean);
  const words = look ? [openText(look.inspection), checkText(look.check)] : ['It is being looked at.'];
  return {
    label: id,
    description: said.join(' · '),
    icon,
    ...(color ? { color } : {}),
    spoken: `${id}, ${ORIGINS[origin]}, ${said.join(', ')}. ${words.join(' ')}`,
    tooltip: [...words, ...(source ? [`From ${source.repo}, commit ${source.commit.slice(0, 12)}.`] : []), path],
    context: `model.${origin}`,
  };
}

const ORIGINS = { bundled: 'bundled', downloaded: 'downloaded', added: 'added from disk', workspace: 'in the workspace' } as const;

function iconOf(look: Look | undefined): [string, string?] {
  if (!look) return ['loading~spin'];
  if (look.inspection.fault !== null) return ['error', 'list.errorForeground'];
  if (look.check.status === 'differs') return ['warning', 'list.warningForeground'];
  if (look.check.status === 'verified') return ['verified', 'charts.green'];
  return ['circuit-board'];
}

/** The rows under a model: label and value. */
export function factLines(row: ModelRow, look: Look | undefined): { label: string; value: string; icon: string }[] {
  const { facts, bytes, licence } = look?.inspection ?? { facts: null, bytes: 0, licence: null };
  const known = facts
    ? [
        {
          label: 'Family',
          value: `${facts.family}, ${facts.layers} layers, context ${facts.context}, ${facts.vocabulary} tokens`,
          icon: 'layers',
        },
        { label: 'Size', value: `${sizeText(bytes)}, ${millions(facts.parameters)} parameters`, icon: 'database' },
        { label: 'Dtype', value: facts.dtype, icon: 'symbol-numeric' },
      ]
    : [];
  return [
    ...known,
    { label: 'Licence', value: row.origin === 'bundled' ? 'mit' : (licence ?? 'not given'), icon: 'law' },
    ...(look
      ? [
          { label: 'Opens', value: look.inspection.fault ?? 'yes', icon: look.inspection.fault ? 'error' : 'pass' },
          { label: 'SHA-256', value: checkText(look.check), icon: look.check.status === 'verified' ? 'verified' : 'shield' },
        ]
      : []),
    ...(facts?.notes ?? []).map((value) => ({ label: 'Note', value, icon: 'info' })),
    ...(row.source
      ? [{ label: 'From', value: `${row.source.repo} @ ${row.source.revision} (${row.source.commit.slice(0, 12)})`, icon: 'cloud' }]
      : []),
    { label: 'Path', value: row.path, icon: 'folder' },
  ];
}

function openText({ facts, fault, licence }: Inspection): string {
  if (fault !== null) return `It does not open: ${fault}`;
  return `It opens: ${facts?.family}, ${facts?.layers} layers${licence ? `, licence ${licence}` : ''}.`;
}

/** The state of a model's check sums, in one sentence. */
export function checkText({ status, at, fault }: Check): string {
  const when = at ? ` on ${at.slice(0, 10)}` : '';
  switch (status) {
    case 'verified':
      return `Verified${when}: all files are as the Hub lists them.`;
    case 'differs':
      return `Differs${when}: ${fault}`;
    case 'recorded':
      return `Noted${when}; nobody has published sums to compare with${fault ? `, and ${fault}` : '.'}`;
    case 'changed':
      return `The files have changed since they were looked at${when}.`;
    case 'none':
      return 'Not checked yet.';
  }
}

/** A download's line. */
export function downloadLine(download: DownloadView): Line {
  const { id, received, bytes, running, busy, fault, rate, waiting } = download;
  const share = `${percentOf(download)} %`;
  const left = rate !== null && rate >= 1 && !waiting ? [`${sizeText(rate)}/s`, `${durationText((bytes - received) / rate)} left`] : [];
  const state = running ? (waiting ? 'waiting' : 'downloading') : busy ? 'in another window' : fault ? 'stopped' : 'paused';
  const why = waiting ?? (running ? null : fault);
  // What changes comes first: a narrow side bar cuts the rest.
  const words = running && !waiting ? [share, ...left, `of ${sizeText(bytes)}`] : [state, `${share} of ${sizeText(bytes)}`];
  const description = words.join(' · ');
  return {
    label: id,
    description,
    icon: running ? (waiting ? 'watch' : 'sync~spin') : busy ? 'sync' : fault ? 'error' : 'debug-pause',
    ...(fault && !running ? { color: 'list.errorForeground' } : {}),
    spoken: `${id}, ${state}, ${[`${share} of ${sizeText(bytes)}`, ...left].join(', ')}${why ? `. ${why}` : ''}`,
    tooltip: [`${sizeText(received)} of ${sizeText(bytes)} are here.`, ...(why ? [why] : [])],
    context: `download.${running ? 'running' : busy ? 'busy' : 'paused'}`,
  };
}
