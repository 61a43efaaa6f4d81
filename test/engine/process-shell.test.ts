import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EngineClient } from '../../src/engine/client.js';
import { CancelledError, InputError } from '../../src/errors.js';
import { openModel } from '../../src/index.js';
import { packageRoot } from '../../src/paths.js';
import { compareResidues } from '../../src/compare/compare.js';
import { checkResidue } from '../../src/residue/read.js';
import type { Comparison } from '../../src/residue/types-comparison.js';
import type { Residue } from '../../src/residue/types.js';
import { serializePlain } from '../../src/residue/write.js';
import { generateResidue } from '../helpers/residue-generator.js';

const short = `format: 1
shell: short
title: A short one
family: memory
prompt: "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:"
answer: " red"
rivals: [" blue", " green"]
run:
  - ANCHOR: { span: fact }
  - INHIBIT: { span: fact }
`;
const bundled = join(packageRoot(), 'shells', 'v1-memtrace.shell.yaml');

const client = new EngineClient();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'residue-shell-'));
});
afterAll(async () => {
  await client.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const withoutTime = ({ created: _, ...rest }: Residue) => rest;

describe('a shell is run in the engine', () => {
  test('and leaves a residue, with progress and parts on the way', async () => {
    const stages: string[] = [];
    const partials: Residue[] = [];
    const residue = await client.runShell(
      { text: readFileSync(bundled, 'utf8'), file: bundled },
      { onProgress: ({ stage, done, total }) => stages.push(`${stage} ${done}/${total}`), onPartial: (part) => partials.push(part) },
    );
    expect(() => checkResidue(residue)).not.toThrow();
    expect(residue).toMatchObject({ status: 'complete', shell: { id: 'v1.MEMTRACE', file: 'v1-memtrace.shell.yaml' } });
    expect(residue.checks.every((check) => check.passed)).toBe(true);
    expect(stages.length).toBeGreaterThan(5);
    expect(partials.length).toBeGreaterThan(0);
    for (const part of partials) expect(part.status).toBe('running');
  });

  test('the same again gives the same, on another process too', async () => {
    const run = (engine: EngineClient) => engine.runShell({ text: short, file: null, seed: 3 });
    const other = new EngineClient();
    const [a, b, c] = await Promise.all([run(client), run(client), run(other)]);
    await other.dispose();
    expect(withoutTime(b)).toEqual(withoutTime(a));
    expect(withoutTime(c)).toEqual(withoutTime(a));
  });

  test('on an open model, with every way to follow it', async () => {
    const model = await openModel('pocket', { engine: client });
    const heard = { progress: 0, partial: 0, json: [] as string[] };
    const follow = {
      onProgress: () => void heard.progress++,
      onPartial: () => void heard.partial++,
      onJson: (json: string) => void heard.json.push(json),
    };
    const residue = await model.runShell(short.replace('format: 1', 'format: 1\nmodel: ./none'), { seed: 1, ...follow });
    expect(residue).toMatchObject({ status: 'complete', provenance: { model: { id: 'pocket' }, seed: 1 } });
    expect(heard.progress).toBeGreaterThan(0);
    expect(heard.json).toHaveLength(heard.partial + 1);
    expect(JSON.parse(heard.json.at(-1) ?? '')).toEqual(residue);
    expect((await model.probe('Tom has a red ball.', follow)).status).toBe('complete');
  });

  test('of many values, what has arrived comes seldom, each time more of it', async () => {
    const values = Array.from({ length: 64 }, (_, i) => i).join(', ');
    const text = `${short.slice(0, short.indexOf('run:'))}vary: { n: [${values}] }\n`.replace('prompt: "', 'prompt: "{{n}} ');
    const measured: number[] = [];
    let sent = 0;
    const onJson = (part: string): void => {
      sent += part.length;
      measured.push((JSON.parse(part) as Residue).runs.filter(({ scores }) => scores).length);
    };
    const json = await client.runShellText({ text, file: null, verify: false }, { onJson });
    expect((JSON.parse(json) as Residue).runs).toHaveLength(64);
    expect(measured.length).toBeGreaterThan(1);
    expect(measured).toEqual([...measured].sort((a, b) => a - b));
    // Each time that a section of a value is finished it would be a hundred times the whole.
    expect(sent).toBeLessThan(20 * json.length);
  });

  test('arrays go to files, and not over the channel', async () => {
    const npz = join(folder, 'arrays');
    await client.runShell({ text: short, file: null, npz });
    expect(readdirSync(npz)).toEqual(['probe.npz']);
    expect(readFileSync(join(npz, 'probe.npz')).subarray(0, 2).toString()).toBe('PK');
  });

  test('a folder that cannot be written is one sentence', async () => {
    writeFileSync(join(folder, 'file'), '');
    const failure = client.runShell({ text: short, file: null, npz: join(folder, 'file', 'below') });
    await expect(failure).rejects.toThrow(InputError);
    await expect(failure).rejects.toThrow(/^[^\n]+$/);
  });

  test('its own model is looked for beside it; another can be given', async () => {
    cpSync(join(packageRoot(), 'media', 'models', 'pocket'), join(folder, 'mine'), { recursive: true });
    const text = short.replace('format: 1', 'format: 1\nmodel: ./mine');
    const beside = await client.runShell({ text, file: join(folder, 'a.shell.yaml') });
    expect(beside.provenance.model.id).toBe('mine');
    const based = await client.runShell({ text, file: null, baseFolder: folder });
    expect(based.provenance.model.id).toBe('mine');
    const given = await client.runShell({ text, file: join(folder, 'a.shell.yaml'), model: 'pocket' });
    expect(given.provenance.model.id).toBe('pocket');
    const fallback = await client.runShell({ text: short, file: null, defaultModel: join(folder, 'mine') });
    expect(fallback.provenance.model.id).toBe('mine');
    await expect(client.runShell({ text, file: bundled })).rejects.toThrow(InputError);
    await client.close({ model: join(folder, 'mine') });
  });

  test('an error has its place', async () => {
    const error = await client
      .runShell({ text: short.replace('span: fact }\n  - INHIBIT', 'span: fakt }\n  - INHIBIT'), file: '/shells/x.shell.yaml' })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).place).toMatchObject({ file: '/shells/x.shell.yaml', line: 9 });
    expect((error as InputError).message).not.toContain('\n');
  });

  test('a cancel takes effect at once: what was done is kept, or nothing', async () => {
    await client.open({ model: 'pocket' });
    const controller = new AbortController();
    let aborted = false;
    const later: string[] = [];
    const outcome: unknown = await client
      .runShell(
        { text: readFileSync(bundled, 'utf8'), file: bundled, npz: join(folder, 'cancelled') },
        {
          signal: controller.signal,
          onProgress: ({ stage }) => {
            if (aborted) later.push(stage);
            else if (stage.includes('probe')) {
              aborted = true;
              controller.abort();
            }
          },
        },
      )
      .catch((error: unknown) => error);
    if (!(outcome instanceof CancelledError))
      expect(outcome).toMatchObject({ status: 'cancelled', cancelledAt: expect.stringMatching(/\S/) });
    // Within one run: what it did at that moment may still be told, nothing after it.
    expect(aborted).toBe(true);
    expect(later.length).toBeLessThanOrEqual(1);
    const written = existsSync(join(folder, 'cancelled')) ? readdirSync(join(folder, 'cancelled')) : [];
    for (const name of written) expect(name).toMatch(/\.npz$/);
    expect((await client.run({ model: 'pocket' }, [1, 2])).length).toBe(2);
  });

  test('arrays of earlier runs can be read while a shell runs', async () => {
    const run = await client.run({ model: 'pocket' }, [1, 2, 3], { hooks: ['hook_embed'] });
    const controller = new AbortController();
    let ended = false;
    const shell = client
      .runShell({ text: readFileSync(bundled, 'utf8'), file: bundled }, { signal: controller.signal })
      .catch((error: unknown) => error)
      .then(() => (ended = true));
    const { shape } = await run.read('hook_embed');
    expect(shape).toEqual([1, 3, 128]);
    expect(ended).toBe(false);
    controller.abort();
    await shell;
  });
});

describe('a text is probed', () => {
  test('with the model’s own answer', async () => {
    const text = "Tom has a red ball. Q: What color is Tom's ball? A:";
    const residue = await client.probe({ text });
    const scores = residue.runs[0]?.scores;
    expect(residue.status).toBe('complete');
    expect(scores?.answer.text).toBe(' red');
    expect(scores?.answer.rank).toBe(0);
    expect(scores?.rivalsFromModel).toBe(true);
    const other = await client.probe({ text, answer: ' blue', rivals: [' red'] });
    expect(other.runs[0]?.scores).toMatchObject({ failed: true, rivalsFromModel: false });
    expect(other.verdict?.failed).toBe(true);
  });

  test('whatever marks it holds', async () => {
    const text = 'Tom has [[a|b]] {{c}} \\ "d": - e #';
    const residue = await client.probe({ text });
    expect(residue.runs[0]?.tokens.map((t) => t.text).join('')).toContain('[[');
  });

  test('an empty one is refused', async () => {
    await expect(client.probe({ text: '' })).rejects.toThrow(InputError);
  });
});

describe('two residues are compared in the engine', () => {
  const text = (seed: number): string => JSON.stringify(generateResidue({ seed, runs: 3, paraphrases: 4 }));

  test('as the library compares them, without a model, and with the control in place of a probe', async () => {
    const json = await client.compare({ a: { json: text(1), file: 'a.residue.json' }, b: { json: text(2), file: null }, seed: 4 });
    const made = JSON.parse(json) as Comparison;
    const side = (seed: number, file: string | null) => ({ residue: generateResidue({ seed, runs: 3, paraphrases: 4 }), file });
    expect(made).toEqual(
      JSON.parse(serializePlain(compareResidues(side(1, 'a.residue.json'), side(2, null), { seed: 4, created: made.created }))),
    );
    const own = JSON.parse(
      await client.compare({ a: { json: text(1), file: null }, b: { json: text(1), file: null, prompt: 'control' } }),
    ) as Comparison;
    expect([own.a.run, own.b.run]).toEqual(['probe.walk=20', 'control']);
  });

  test('and what is no residue is refused in one sentence with its file', async () => {
    const failing = client.compare({ a: { json: text(1), file: null }, b: { json: '{"runs": 3}', file: 'b.residue.json' } });
    await expect(failing).rejects.toBeInstanceOf(InputError);
    await expect(failing).rejects.toMatchObject({
      message: expect.stringMatching(/^(the residue|runs) [^\n]*\.$/),
      place: { file: 'b.residue.json' },
    });
  });
});
