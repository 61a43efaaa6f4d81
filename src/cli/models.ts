import { Option, type Command } from 'commander';
import { inspectModel } from '../hub/inspect.js';
import { sizeText } from '../hub/size.js';
import { looksWhole, shelf, type ShelfModel } from '../hub/shelf.js';
import { KNOWN_MODELS } from '../model/known.js';
import { plantedIds } from '../planted/catalog.js';
import { table } from '../residue/report/text.js';
import type { DownloadCommandOptions } from './models-hub.js';
import { examples } from './options.js';
import { EXIT, inSession, type Session } from './session.js';

const mega = (n: number) => (n >= 1e9 ? `${(n / 1e9).toFixed(2)} G` : `${(n / 1e6).toFixed(1)} M`);
const right = 'right' as const;
const none = '—';

/** `residue models`: what `--model` takes by id, opened so that what is printed is true, and the providers on offer. */
export function modelsCommand(options: { color: boolean }): Promise<number> {
  return inSession(options.color, async (session) => {
    const { terminal, engine, signal } = session;
    const models = shelf();
    const rows: string[][] = [];
    for (const id of [...models.filter(({ origin }) => origin === 'bundled').map((model) => model.id), ...plantedIds()]) {
      rows.push(await engineRow(id, session));
    }
    const faults: string[] = [];
    for (const model of models.filter(({ origin }) => origin !== 'bundled')) rows.push(await ownRow(model, faults));
    const { onnxruntime, providers } = await engine.info({ signal });
    const columns = [
      { label: 'id' },
      { label: 'family' },
      { label: 'layers', align: right },
      { label: 'parameters', align: right },
      { label: 'dtype' },
      { label: 'context', align: right },
      { label: 'vocabulary', align: right },
      { label: 'size', align: right },
      { label: 'licence' },
      { label: 'check' },
      { label: 'path' },
    ];
    // Paths are for copying: they are never cut.
    const lines = table(columns, rows, { width: 1000, color: terminal.color }, 0);
    await terminal.out(
      `${[...lines, ...faults].join('\n')}\n\n--model also takes the path of a folder (safetensors in Hugging Face layout), a .gguf file or a llama2.c .bin file;\n` +
        '`residue models download OWNER/NAME` fetches one from the Hugging Face Hub.\n' +
        `Execution providers of onnxruntime ${onnxruntime}: ${providers.join(', ')}\n`,
    );
    return EXIT.ok;
  });
}

/** A model that the engine opens: one that comes with the program, or is built by it. */
async function engineRow(id: string, { engine, terminal, signal }: Session): Promise<string[]> {
  const info = await engine.open({ model: id }, { signal, onProgress: (event) => terminal.progress.update(event, id) });
  const { spec, parameters, dtype, files, path } = info;
  const size = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const numbers = [String(spec.nLayers), mega(parameters), dtype, String(spec.context), String(spec.vocabSize), sizeText(size)];
  return [id, spec.family, ...numbers, 'mit', none, path];
}

/** One of the user's own, read and checked here; a reason why it does not open goes under the table. */
async function ownRow({ id, path, downloaded }: ShelfModel, faults: string[]): Promise<string[]> {
  const { facts, fault, bytes, licence } = await inspectModel(path, downloaded?.manifest.licence);
  const whole = downloaded ? looksWhole(downloaded) : null;
  const check = whole === null ? none : whole ? 'SHA-256' : 'changed';
  if (fault !== null) faults.push(`${id} does not open: ${fault}`);
  const numbers = facts
    ? [facts.family, String(facts.layers), mega(facts.parameters), facts.dtype, String(facts.context), String(facts.vocabulary)]
    : [none, none, none, none, none, none];
  return [id, ...numbers, sizeText(bytes), licence ?? none, check, path];
}

/** `residue models catalogue`: models of the Hub that are known to run, and what of them is here. No network. */
export function catalogueCommand(options: { color: boolean }): Promise<number> {
  return inSession(options.color, async ({ terminal }) => {
    const here = shelf();
    const rows = KNOWN_MODELS.map(({ repo, family, parameters, licence, chat, checkpoints }) => {
      const own = here.filter(({ id }) => id === repo || id.startsWith(`${repo}@`)).map(({ id }) => id.slice(repo.length) || 'yes');
      const { revisions = [] } = checkpoints ?? {};
      const steps = revisions.length > 0 ? `${repo.split('/')[1]}@${revisions[0]} … @${revisions.at(-1)} (${revisions.length})` : none;
      return [repo, family, parameters, licence, chat ? 'chat' : 'base', steps, own.join(', ') || none];
    });
    const columns = ['id', 'family', 'parameters', 'licence', 'kind', 'checkpoints', 'downloaded'].map((label) => ({
      label,
      ...(label === 'parameters' ? { align: right } : {}),
    }));
    await terminal.out(`${table(columns, rows, { width: 1000, color: terminal.color }, 0).join('\n')}\n`);
    return EXIT.ok;
  });
}

/** Loaded when it is asked for: what speaks HTTP costs every other command its start. */
const hub = () => import('./models-hub.js');

/** Adds `models` and what can be done with models to the command line. */
export function modelsProgram(residue: Command, end: (code: number) => void): void {
  const models = residue
    .command('models')
    .description('list the models at hand and the execution providers of the installed onnxruntime; download, add, verify, remove')
    .allowExcessArguments(false)
    .option('--no-color', 'no colour, even on a terminal; NO_COLOR does the same')
    .addHelpText(
      'after',
      `\nDownloaded models lie in RESIDUE_MODELS (default: the user's data folder). HF_ENDPOINT names another Hub, HF_TOKEN holds an access\ntoken, HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured. Nothing but \`download\` uses the network.\n${examples('residue models', 'residue models catalogue', 'residue models download SmolLM2-135M-Instruct', 'residue models add ~/models/my.gguf')}`,
    )
    .action(async (options: { color: boolean }) => end(await modelsCommand(options)));

  const command = (name: string, description: string): Command =>
    models
      .command(name)
      .description(description)
      .exitOverride()
      .showHelpAfterError(`Run \`residue models ${name.split(' ')[0]} --help\` for its options.`);
  // Options that stand on `models` too are taken there, whichever side of the name they are on.
  const colored = (): { color: boolean } => models.opts<{ color: boolean }>();

  command('catalogue', 'list models of the Hugging Face Hub that are known to run, and their checkpoints; no network')
    .addHelpText('after', examples('residue models catalogue'))
    .action(async () => end(await catalogueCommand(colored())));

  command('download <model>', 'fetch a model from the Hugging Face Hub: OWNER/NAME[@REVISION][:FILE.gguf], or a name of the catalogue')
    .addOption(new Option('--endpoint <url>', 'address of the Hub or a mirror (default: HF_ENDPOINT, else https://huggingface.co)'))
    .addHelpText(
      'after',
      `\nCtrl-C pauses; the same command goes on from the byte it had. Every file is held against the SHA-256 that the Hub lists.\n${examples(
        'residue models download HuggingFaceTB/SmolLM2-135M-Instruct',
        'residue models download pythia-70m@step3000',
        'residue models download bartowski/SmolLM2-135M-Instruct-GGUF:SmolLM2-135M-Instruct-Q8_0.gguf',
      )}`,
    )
    .action(async (model: string, options: DownloadCommandOptions) =>
      end(await (await hub()).downloadCommand(model, { ...options, ...colored() })),
    );

  command('add <path>', 'name a model folder or file on this machine, so that shells can use it by that name; nothing is copied')
    .addHelpText('after', examples('residue models add ~/models/gpt2', 'residue models add my.Q8_0.gguf'))
    .action(async (path: string) => end(await (await hub()).addCommand(path, colored())));

  command('verify [models...]', 'read every byte of downloaded or added models (default: all that were downloaded) and compare SHA-256')
    .addHelpText('after', examples('residue models verify', 'residue models verify HuggingFaceTB/SmolLM2-135M'))
    .action(async (ids: string[]) => end(await (await hub()).verifyCommand(ids, colored())));

  command('remove <model>', 'delete a downloaded model or an unfinished download from the disk; take an added one off the list')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('residue models remove HuggingFaceTB/SmolLM2-135M --yes'))
    .action(async (id: string, options: { yes?: boolean }) => end(await (await hub()).removeCommand(id, { ...options, ...colored() })));
}
