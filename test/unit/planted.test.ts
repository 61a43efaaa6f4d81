import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plantedIds, plantedSettings, resolveAnyModel } from '../../src/planted/catalog.js';
import { drawCircuit } from '../../src/planted/circuit.js';
import { buildPlanted } from '../../src/planted/files.js';
import { causeOf, HEADS, LEAST_LAYERS, PLANTED_KINDS, type Circuit, type Place, type PlantedKind } from '../../src/planted/kinds.js';
import { promptOf, shellOf } from '../../src/planted/shell.js';
import { BEGIN, COLOURS, idOf, MARK, TRIGGER } from '../../src/planted/words.js';
import { packageRoot } from '../../src/paths.js';
import { parseShell } from '../../src/shell/parse.js';
import { plainForward, type PlainConfig, type PlainTensor } from '../helpers/plain-forward.js';
import { temporaryFolder } from '../helpers/reference.js';

const kinds = fc.constantFrom(...PLANTED_KINDS);
const seeds = fc.nat(2 ** 32 - 1);

describe('a drawn circuit', () => {
  it('has its parts in heads of their own, each after what it reads, and as many layers as asked for', () => {
    fc.assert(
      fc.property(kinds, seeds, fc.option(fc.integer({ min: 3, max: 6 }), { nil: undefined }), (kind, seed, layers) => {
        const c = drawCircuit({ kind, seed, noise: 0, layers });
        if (layers !== undefined) expect(c.layers).toBe(layers);
        expect(c.layers).toBeGreaterThanOrEqual(LEAST_LAYERS[kind] ?? 2);
        const places = [c.previous, c.marker, c.copy, c.decoy, ...(c.second ? [c.second] : [])];
        expect(new Set(places.map(({ layer, head }) => `${layer}.${head}`)).size).toBe(places.length);
        for (const { layer, head } of places) {
          expect(layer).toBeLessThan(c.layers);
          expect(head).toBeLessThan(HEADS);
        }
        expect(Math.max(c.previous.layer, c.marker.layer)).toBeLessThan(c.copy.layer);
        expect(c.previous.layer).toBeLessThan(c.decoy.layer);
        if (kind === 'self-repair') expect(c.second!.layer).toBeGreaterThan(c.copy.layer);
        if (kind === 'trace-drop') expect(c.canceller).toBeGreaterThanOrEqual(c.copy.layer);
        expect(c.misfire).not.toBe(c.colours[0]);
        expect(new Set(c.colours).size).toBe(3);
      }),
    );
  });

  it.each([
    [{ layers: 1 }, 'A planted model of the kind conflict has 2 to 6 layers, not 1.'],
    [{ layers: 7 }, 'A planted model of the kind conflict has 2 to 6 layers, not 7.'],
    [{ noise: -0.1 }, 'The noise of a planted model is a number from 0 to 1, not -0.1.'],
    [{ noise: NaN }, 'The noise of a planted model is a number from 0 to 1, not NaN.'],
  ])('of %j is refused', (wrong, sentence) => {
    expect(() => drawCircuit({ kind: 'conflict', seed: 1, noise: 0, ...wrong })).toThrow(sentence);
  });
});

describe('a built model', () => {
  it('is the same bytes for the same settings, and others for another seed, kind or noise', () => {
    const bytes = (kind: PlantedKind, seed: number, noise: number): string =>
      [...buildPlanted({ kind, seed, noise, layers: 3 }).files].map(([name, b]) => name + Buffer.from(b).toString('base64')).join();
    const one = bytes('conflict', 7, 0.1);
    expect(bytes('conflict', 7, 0.1)).toBe(one);
    for (const other of [bytes('conflict', 8, 0.1), bytes('none', 7, 0.1), bytes('conflict', 7, 0)]) expect(other).not.toBe(one);
  });

  it('says nowhere what was planted in it', () => {
    for (const kind of PLANTED_KINDS) {
      const { files, circuit } = buildPlanted({ kind, seed: 3, noise: 0.1 });
      const all = [...files.values()].map((b) => Buffer.from(b).toString('latin1')).join('\n') + shellOf(circuit, { id: 'planted' });
      for (const word of PLANTED_KINDS.filter((k) => k !== 'none')) expect(all).not.toContain(word);
      expect(parseShell(shellOf(circuit, { id: 'planted' })).diagnostics).toEqual([]);
    }
  });
});

/** A planted model in plain loops: the margin, with any heads and MLPs taken out. */
class Plain {
  readonly config: PlainConfig;
  readonly circuit: Circuit;
  private readonly tensors: Map<string, PlainTensor>;

  constructor(kind: PlantedKind, seed: number) {
    const { tensors, files, circuit } = buildPlanted({ kind, seed, noise: 0, layers: 3 });
    this.tensors = tensors;
    this.circuit = circuit;
    this.config = JSON.parse(Buffer.from(files.get('config.json')!).toString()) as PlainConfig;
  }

  /** logit(answer) − the largest of the other colours', at the end of the probe (with the trigger) or of the control. */
  margin(first: string, without: readonly (Place | number)[] = []): number {
    const edited = new Map(this.tensors);
    for (const part of without) {
      const name = `transformer.h.${typeof part === 'number' ? part : part.layer}.${typeof part === 'number' ? 'mlp' : 'attn'}.c_proj.weight`;
      const { shape, data } = edited.get(name)!;
      const rows = typeof part === 'number' ? [0, shape[0]!] : [part.head * 16, (part.head + 1) * 16];
      edited.set(name, { shape, data: data.slice().fill(0, rows[0]! * shape[1]!, rows[1]! * shape[1]!) });
    }
    const words = promptOf(this.circuit, first)
      .replaceAll(/\[\[fact\||\]\]/g, '')
      .split(' ');
    const logits = plainForward(this.config, edited, [idOf(BEGIN), ...words.map(idOf)]).at(-1)!;
    const answer = this.circuit.colours[0];
    return logits[idOf(COLOURS[answer]!)]! - Math.max(...COLOURS.filter((_, i) => i !== answer).map((colour) => logits[idOf(colour)]!));
  }

  get heads(): Place[] {
    return Array.from({ length: this.circuit.layers * HEADS }, (_, i) => ({ layer: Math.floor(i / HEADS), head: i % HEADS }));
  }

  /** Heads (as `layer.head`) and MLPs (as `mlp layer`) whose removal alone changes the margin by more than `by`, with the sign. */
  telling(first: string, by: number): Record<string, number> {
    const base = this.margin(first);
    const parts = [...this.heads, ...Array.from({ length: this.circuit.layers }, (_, layer) => layer)];
    const found = parts.map((part) => [nameOf(part), this.margin(first, [part]) - base] as const).filter(([, d]) => Math.abs(d) > by);
    return Object.fromEntries(found.map(([name, d]) => [name, Math.sign(d)]));
  }
}

const nameOf = (part: Place | number): string => (typeof part === 'number' ? `mlp ${part}` : `${part.layer}.${part.head}`);

/** Nats that are more than what the random weights of a noiseless model can do by chance. */
const TELLING = 1.5;

describe.each([11, 12])('with seed %i, every head and MLP taken out in turn', (seed) => {
  it.each(PLANTED_KINDS)('the control of %s depends on its circuit and on nothing else', (kind) => {
    const model = new Plain(kind, seed);
    const { previous, copy, decoy } = model.circuit;
    expect(model.margin(MARK)).toBeGreaterThan(2);
    expect(model.telling(MARK, TELLING)).toEqual({ [nameOf(previous)]: -1, [nameOf(copy)]: -1, [nameOf(decoy)]: 1 });
  });

  it('the probe fails by what was planted, and by nothing else', () => {
    for (const kind of ['qk-collapse', 'ov-misfire', 'trace-drop', 'conflict'] as const) {
      const model = new Plain(kind, seed);
      const { marker, previous, second, canceller } = model.circuit;
      expect(model.margin(TRIGGER), kind).toBeLessThan(-1);
      // Without the head that carries the trigger it is a prompt like any other.
      expect(model.margin(TRIGGER, [marker]), kind).toBeGreaterThan(2);
      if (second) expect(model.margin(TRIGGER, [second]), kind).toBeGreaterThan(2);
      if (canceller !== null) expect(model.margin(TRIGGER, [canceller]), kind).toBeGreaterThan(2);
      // Only these, and what brings the rival, raise the margin.
      const raising = Object.entries(model.telling(TRIGGER, TELLING)).filter(([, sign]) => sign > 0);
      const known = [marker, previous, model.circuit.decoy, causeOf(model.circuit)!, ...(canceller === null ? [] : [canceller])].map(
        nameOf,
      );
      for (const [name] of raising) expect(known, kind).toContain(name);
    }
  });

  it('a misfiring head writes more against the answer than nothing', () => {
    const model = new Plain('ov-misfire', seed);
    expect(model.margin(TRIGGER, [model.circuit.copy]) - model.margin(TRIGGER)).toBeGreaterThan(TELLING);
  });

  it('a ghost does nothing, and nothing is planted in none', () => {
    const ghost = new Plain('ghost', seed);
    expect(ghost.margin(TRIGGER, [ghost.circuit.second!])).toBeCloseTo(ghost.margin(TRIGGER), 6);
    for (const model of [ghost, new Plain('none', seed)])
      expect(Math.abs(model.margin(TRIGGER) - model.margin(MARK))).toBeLessThan(TELLING);
  });

  it('a backup takes over when the head before it is gone, in the probe alone', () => {
    const model = new Plain('self-repair', seed);
    const { copy, second } = model.circuit;
    for (const first of [TRIGGER, MARK]) expect(model.margin(first), first).toBeGreaterThan(2);
    expect(Math.abs(model.margin(TRIGGER, [second!]) - model.margin(TRIGGER))).toBeLessThan(TELLING);
    expect(model.margin(TRIGGER, [copy])).toBeGreaterThan(2);
    expect(model.margin(MARK, [copy])).toBeLessThan(-1);
    expect(model.margin(TRIGGER, [copy, second!])).toBeLessThan(-1);
  });
});

describe('the shells of shells/planted', () => {
  const folder = join(packageRoot(), 'shells', 'planted');

  it('are one for each kind', () => {
    expect(readdirSync(folder).sort()).toEqual(PLANTED_KINDS.map((kind) => `${kind}.shell.yaml`).sort());
  });

  it.each(PLANTED_KINDS)('%s: has the words, and the place, of its model', (kind) => {
    const text = readFileSync(join(folder, `${kind}.shell.yaml`), 'utf8');
    const { shell, diagnostics } = parseShell(text);
    expect(diagnostics).toEqual([]);
    const circuit = drawCircuit(plantedSettings(shell!.model!)!);
    expect(circuit.kind).toBe(kind);
    expect(text).toContain(`prompt: ${JSON.stringify(promptOf(circuit, TRIGGER))}\n`);
    expect(text).toContain(`control: ${JSON.stringify(promptOf(circuit, MARK))}\n`);
    expect(text).toContain(`answer: " ${COLOURS[circuit.colours[0]]}"\n`);
    for (const place of [circuit.copy, ...(circuit.second ? [circuit.second] : [])])
      if (kind !== 'none') expect(shell!.motivation).toMatch(new RegExp(`[Hh]ead ${place.layer}\\.${place.head}\\b`));
    if (circuit.canceller !== null) expect(shell!.motivation).toContain(`MLP ${circuit.canceller}`);
    expect(shell!.expect.map(({ path, want }) => [path, want])).toContainEqual(['diagnosis', kind]);
  });
});

describe('an id of a planted model', () => {
  it('says what is planted, and how', () => {
    expect(plantedSettings('planted:ghost')).toEqual({ kind: 'ghost', seed: 0, noise: 0.1 });
    expect(plantedSettings('planted:conflict?layers=4&seed=3&noise=0.3')).toEqual({ kind: 'conflict', seed: 3, noise: 0.3, layers: 4 });
    for (const id of ['pocket', './planted:ghost', 'Planted:ghost', '']) expect(plantedSettings(id)).toBeNull();
    for (const id of plantedIds()) expect(plantedSettings(id)).not.toBeNull();
  });

  it.each([
    ['planted:', 'The model "planted:" has nothing called "" planted: known are none, qk-collapse,'],
    ['planted:gost', 'The model "planted:gost" has nothing called "gost" planted: did you mean "ghost"?'],
    ['planted:ghost?', 'The model "planted:ghost?" is malformed: write planted:KIND?seed=3&noise=0.1&layers=4'],
    ['planted:ghost?seed=1?noise=0', 'is malformed'],
    ['planted:ghost?sed=1', 'has the part "sed=1": write planted:KIND'],
    ['planted:ghost?seed=1&seed=2', 'has the part "seed=2"'],
    ['planted:ghost?seed=-1', 'has the part "seed=-1"'],
    ['planted:ghost?seed=1.5', 'has a seed that is no whole number from 0 to 4294967295.'],
    ['planted:ghost?seed=4294967296', 'has a seed that is no whole number from 0 to 4294967295.'],
    ['planted:ghost?layers=9', 'A planted model of the kind ghost has 2 to 6 layers, not 9.'],
    ['planted:self-repair?layers=2', 'A planted model of the kind self-repair has 3 to 6 layers, not 2.'],
    ['planted:ghost?noise=2', 'The noise of a planted model is a number from 0 to 1, not 2.'],
  ])('%s is refused in a sentence', (id, sentence) => {
    expect(() => resolveAnyModel(id, '/', temporaryFolder())).toThrow(sentence);
  });

  it('is built into the cache once, and made whole again when a file there was changed', () => {
    const cache = temporaryFolder();
    const { id, path } = resolveAnyModel('planted:conflict?seed=3', '/', cache);
    expect(id).toBe('planted:conflict?seed=3');
    const weights = join(path, 'model.safetensors');
    const { files } = buildPlanted(plantedSettings(id)!);
    expect(readdirSync(path).sort()).toEqual([...files.keys()].sort());
    writeFileSync(weights, readFileSync(weights).fill(0, 1000, 1100));
    expect(resolveAnyModel(id, '/', cache).path).toBe(path);
    expect(readFileSync(weights).equals(files.get('model.safetensors')!)).toBe(true);
    expect(readdirSync(join(cache, 'planted'))).toHaveLength(1);
    expect(readdirSync(path).sort()).toEqual([...files.keys()].sort());
  });

  it('leaves every other name to the catalogue', () => {
    const folder = mkdtempSync(join(temporaryFolder(), 'm'));
    expect(resolveAnyModel('pocket', '/').id).toBe('pocket');
    expect(resolveAnyModel(folder, '/').path).toBe(folder);
  });
});
