import { bundledModels } from '../model/catalog.js';
import { plantedIds } from '../planted/catalog.js';
import { table } from '../residue/report/text.js';
import { EXIT, inSession } from './session.js';

const mega = (n: number) => (n >= 1e9 ? `${(n / 1e9).toFixed(2)} G` : `${(n / 1e6).toFixed(1)} M`);

/** `residue models`: what `--model` takes by id, opened so that what is printed is true, and the providers on offer. */
export function modelsCommand(options: { color: boolean }): Promise<number> {
  return inSession(options.color, async ({ terminal, engine, signal }) => {
    const rows: string[][] = [];
    for (const id of [...bundledModels().map(({ id }) => id), ...plantedIds()]) {
      const info = await engine.open({ model: id }, { signal, onProgress: (event) => terminal.progress.update(event, id) });
      const { spec } = info;
      rows.push([
        id,
        spec.family,
        String(spec.nLayers),
        mega(info.parameters),
        info.dtype,
        String(spec.context),
        String(spec.vocabSize),
        info.path,
      ]);
    }
    const { onnxruntime, providers } = await engine.info({ signal });
    const right = 'right' as const;
    const columns = [
      { label: 'id' },
      { label: 'family' },
      { label: 'layers', align: right },
      { label: 'parameters', align: right },
      { label: 'dtype' },
      { label: 'context', align: right },
      { label: 'vocabulary', align: right },
      { label: 'folder' },
    ];
    // Paths are for copying: they are never cut.
    const lines = table(columns, rows, { width: 1000, color: terminal.color }, 0);
    await terminal.out(
      `${lines.join('\n')}\n\n--model also takes the path of a folder (safetensors in Hugging Face layout), a .gguf file or a llama2.c .bin file.\n` +
        `Execution providers of onnxruntime ${onnxruntime}: ${providers.join(', ')}\n`,
    );
    return EXIT.ok;
  });
}
