import { createHash } from 'node:crypto';
import { relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { commandAnchor, METHODS, patternAnchor } from '../method-anchors.js';
import { standingOf } from './standing.js';
import type { Place } from '../errors.js';
import type { ExpectationResult, Residue } from './types.js';

/** A finding about a shell file itself: where it breaks the format, or what is doubtful in it. */
export interface ShellFinding extends Place {
  severity: 'error' | 'warning' | 'information';
  message: string;
}

/** One shell's outcome for the SARIF file. */
export interface SarifEntry {
  /** Path as given, from the working folder. */
  file: string;
  /** What checking the file found; for one that cannot be run at least one error. */
  findings: readonly ShellFinding[];
  /** Why it could not be run though the file is right: the model's error, with its place where there is one. */
  error?: { message: string } & Place;
  residue?: Residue;
  /** Range of each of the residue's expectations in the file, in their order. */
  places?: readonly (Place | undefined)[];
}

type Level = 'error' | 'warning' | 'note';

interface Rule {
  id: string;
  name: string;
  shortDescription: { text: string };
  fullDescription: { text: string };
  help: { text: string; markdown: string };
  helpUri: string;
  defaultConfiguration: { level: Level };
  properties: { tags: string[] };
}

interface Result {
  ruleId: string;
  level: Level;
  message: string;
  file: string;
  place: Place;
  /** What makes it the same finding in another run, wherever in the file it stands then. */
  identity: readonly string[];
}

const DOCS = 'https://github.com/symbolic-residue/symbolic-residue/blob/main/docs';

/** The base of relative addresses: the folder that the command ran in, which is the repository's root in CI. */
const BASE = '%SRCROOT%';

const camel = (words: string): string => words.replaceAll(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_, c: string) => c.toUpperCase());

function rule(id: string, level: Level, short: string, full: string, page: string, tag: string): Rule {
  const helpUri = `${DOCS}/${page}`;
  return {
    id,
    name: camel(id),
    shortDescription: { text: short },
    fullDescription: { text: full },
    help: { text: `${full} See ${helpUri}`, markdown: `${full} [How it is measured](${helpUri}).` },
    helpUri,
    defaultConfiguration: { level },
    properties: { tags: ['symbolic-residue', tag] },
  };
}

const WORDS: Record<string, string> = {
  failure: 'whether the prompt fails',
  pattern: 'the failure pattern that is looked for',
  margin: 'the margin of the answer over its strongest rival, in nats',
  drop: "the control's margin minus the probe's, in nats",
  diagnosis: 'the one cause that the run comes down to',
  'collapse.kind': 'how the answer was lost',
  'collapse.layer': 'the layer at which the answer was lost',
  'density.share': 'the share of runs that fail, paraphrases included',
};

const PAGES: Record<string, string> = {
  failure: 'failure',
  pattern: 'failure-patterns',
  margin: METHODS.margin,
  drop: 'failure',
  diagnosis: METHODS.diagnosis,
  'collapse.kind': METHODS.collapse,
  'collapse.layer': METHODS.collapse,
  'density.share': METHODS.density,
};

/** Section of docs/methods.md that says what an expectation's path is. */
const pageOf = (path: string): string => PAGES[path] ?? commandAnchor(path.split('.')[0]!) ?? 'methods';

/** The rule that a result of `id` is of. */
function ruleOf(id: string): Rule {
  const [kind, rest = ''] = [id.slice(0, id.indexOf('/')), id.slice(id.indexOf('/') + 1)];
  if (kind === 'expectation') {
    const what = WORDS[rest] ?? `what ${rest.split('.')[0]} measures as ${rest.split('.').slice(1).join('.')}`;
    const full = `The shell expects something of ${what} (\`expect: ${rest}\`), and the model did otherwise.`;
    return rule(id, 'error', `An expectation of ${rest} does not hold`, full, `methods.md#${pageOf(rest)}`, 'expectation');
  }
  if (kind === 'pattern')
    return rule(
      id,
      'note',
      `The failure pattern ${rest} is present`,
      `In the headline's run the named failure pattern ${rest} was found; its evidence is in the message.`,
      `methods.md#${patternAnchor(rest)}`,
      'pattern',
    );
  if (id === 'run/error')
    return rule(
      id,
      'error',
      'A shell could not be run',
      'The shell keeps to the format, but the model could not be opened or could not read its prompt.',
      'shells.md',
      'run',
    );
  return rule(
    id,
    rest === 'error' ? 'error' : rest === 'warning' ? 'warning' : 'note',
    rest === 'error' ? 'A shell file breaks the format' : 'A shell file has something doubtful in it',
    'A shell is a YAML file of format 1; what is wrong, and what would be right, is in the message.',
    'shells.md',
    'format',
  );
}

const levels = { error: 'error', warning: 'warning', information: 'note' } as const;

function resultsOf({ file, findings, error, residue, places = [] }: SarifEntry): Result[] {
  const results: Result[] = findings.map(({ severity, message, ...place }) => ({
    ruleId: `shell/${severity}`,
    level: levels[severity],
    message,
    file,
    place,
    identity: [place.field ?? '', message],
  }));
  if (error) {
    const { message, ...place } = error;
    results.push({ ruleId: 'run/error', level: 'error', message, file, place: ofFile(place, file), identity: [message] });
  }
  if (!residue) return results;
  residue.expectations.forEach((one: ExpectationResult, i) => {
    if (one.passed) return;
    const place = places[i] ?? { line: one.line };
    results.push({ ruleId: `expectation/${one.path}`, level: 'error', message: one.message, file, place, identity: [one.path, one.want] });
  });
  for (const pattern of residue.verdict?.patterns ?? []) {
    const { name, present, score, evidence } = pattern;
    if (!present) continue;
    const stands = standingOf(pattern);
    const message = `${name} is present, score ${score.toFixed(2)}${stands === '' ? '' : ` (${stands})`}${evidence ? `: ${evidence}` : ''}`;
    results.push({ ruleId: `pattern/${name}`, level: 'note', message, file, place: { line: 1 }, identity: [name] });
  }
  return results;
}

/** An error about another file (a model's) has no place in the shell. */
const ofFile = (place: Place, file: string): Place => (place.file !== undefined && place.file !== file ? {} : place);

/** Relative to `base` where it lies inside, with `/` between its parts; else the whole address. */
function location(file: string, base: string): { uri: string; uriBaseId?: string } {
  const inside = relative(base, resolve(base, file));
  if (inside === '' || inside.startsWith('..') || resolve(inside) === inside) return { uri: pathToFileURL(resolve(base, file)).href };
  return { uri: inside.split(sep).map(encodeURIComponent).join('/'), uriBaseId: BASE };
}

const region = ({ line, column, endLine, endColumn }: Place): Record<string, number> => ({
  startLine: line ?? 1,
  ...(column === undefined ? {} : { startColumn: column }),
  ...(endLine === undefined ? {} : { endLine }),
  ...(endColumn === undefined ? {} : { endColumn }),
});

/**
 * SARIF 2.1.0 of one or more shells, as code-scanning services read it: an error for every expectation that does not hold and for every
 * file that is wrong, at its lines and columns (from 1, UTF-16, the end exclusive); a note for every failure pattern that is present.
 * Addresses are relative to `base`, the folder that the command ran in.
 */
export function formatSarif(entries: readonly SarifEntry[], { version, base = process.cwd() }: { version: string; base?: string }): string {
  const results = entries.flatMap(resultsOf);
  const ids = [...new Set(results.map(({ ruleId }) => ruleId))].sort();
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0-rtm.5.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'Symbolic Residue',
            version,
            semanticVersion: version,
            informationUri: 'https://github.com/symbolic-residue/symbolic-residue',
            rules: ids.map(ruleOf),
          },
        },
        invocations: [{ executionSuccessful: entries.every(({ residue }) => residue !== undefined) }],
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: { [BASE]: { description: { text: 'The folder in which residue was run.' } } },
        artifacts: entries.map(({ file }) => ({ location: location(file, base), roles: ['analysisTarget'] })),
        results: results.map(({ ruleId, level, message, file, place, identity }) => ({
          ruleId,
          ruleIndex: ids.indexOf(ruleId),
          level,
          message: { text: message },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { ...location(file, base), index: entries.findIndex((entry) => entry.file === file) },
                region: region(place),
              },
            },
          ],
          partialFingerprints: { 'residue/v1': fingerprint([location(file, base).uri, ruleId, ...identity]) },
        })),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

const fingerprint = (parts: readonly string[]): string => createHash('sha256').update(parts.join('\0'), 'utf8').digest('hex').slice(0, 32);
