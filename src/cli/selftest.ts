import { PLANTED_KINDS, type PlantedKind } from '../planted/kinds.js';
import { complaint, holds, selftest, words, type Tested } from '../planted/selftest.js';
import { CancelledError } from '../errors.js';
import { printable, table } from '../residue/report/text.js';
import { EXIT, inSession, settingsOf, type ModelOptions, type Session } from './session.js';

export interface SelftestCommandOptions extends Pick<ModelOptions, 'threads' | 'provider' | 'color'> {
  json?: boolean;
}

/**
 * `residue selftest`: models with a known cause, built here, run through the whole pipeline of this installation. Returns the exit code: 0
 * when every cause is found, and nothing where nothing is planted; 1 when something is not; 2 for an error.
 */
export function selftestCommand(options: SelftestCommandOptions): Promise<number> {
  return inSession(options.color, async (session) => {
    const { engine, signal, terminal } = session;
    const start = performance.now();
    const clock = (): number => (performance.now() - start) / 1000;
    const tested = await selftest({
      clock,
      onProgress: (kind, done, total) => terminal.progress.update({ stage: `a model with ${kind} planted`, done, total }, 'self-test'),
      async run(model, text) {
        const residue = await engine.runShell({ text, file: null, model, settings: settingsOf(options), seed: 0 }, { signal });
        if (residue.status !== 'complete') throw new CancelledError();
        return residue;
      },
    });
    if (options.json) await terminal.out(`${JSON.stringify(inJson(tested, clock()), null, 2)}\n`);
    else await terminal.out(`${report(tested, clock(), session).join('\n')}\n`);
    const wrong = tested.filter((one) => !holds(one));
    for (const one of wrong) terminal.err(printable(`residue: ${complaint(one)}`));
    return wrong.length > 0 ? EXIT.expectationsFailed : EXIT.ok;
  });
}

const of = (tested: readonly Tested[], kind: PlantedKind): Tested[] => tested.filter(({ trial }) => trial.kind === kind);
const left = (tested: readonly Tested[]): PlantedKind[] => PLANTED_KINDS.filter((kind) => of(tested, kind).length === 0);

const inJson = (tested: readonly Tested[], seconds: number): unknown => ({
  passed: tested.every(holds),
  seconds: Number(seconds.toFixed(1)),
  models: tested.map(({ model, trial, right, broken, checks }) => ({
    model,
    layers: trial.layers,
    planted: trial.truth,
    found: trial.found,
    right,
    identityChecks: { made: checks, failed: broken },
  })),
  notReached: left(tested),
});

function report(tested: readonly Tested[], seconds: number, { terminal }: Session): string[] {
  const rows = PLANTED_KINDS.filter((kind) => of(tested, kind).length > 0).map((kind) => {
    const models = of(tested, kind);
    return [
      kind,
      String(models.length),
      String(models.filter(({ right }) => right).length),
      models.map(({ trial }) => words(trial.found)).join(' · '),
    ];
  });
  const columns = [
    { label: 'planted' },
    { label: 'models', align: 'right' as const },
    { label: 'right', align: 'right' as const },
    { label: 'found' },
  ];
  const right = tested.filter((one) => one.right).length;
  const made = tested.reduce((sum, { checks }) => sum + checks, 0);
  const failed = tested.reduce((sum, { broken }) => sum + broken.length, 0);
  const missing = left(tested);
  return [
    ...table(columns, rows, { width: Math.max(80, terminal.width), color: terminal.color }, 0),
    '',
    `${right} of ${tested.length} models diagnosed as planted, ${made - failed} of ${made} identity checks hold, in ${seconds.toFixed(1)} s.`,
    ...(missing.length > 0 ? [`Not reached in time: ${missing.join(', ')}.`] : []),
    tested.every(holds) ? 'This installation measures right.' : 'This installation does not measure right.',
  ];
}
