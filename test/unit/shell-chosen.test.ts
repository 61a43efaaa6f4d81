import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { chosenDoses, doseText, partOf } from '../../src/shell/chosen.js';
import { parseShell } from '../../src/shell/parse.js';
import type { Shell } from '../../src/shell/types.js';

const shellOf = (vary: string): Shell =>
  parseShell(`format: 1\nshell: a\nfamily: memory\nprompt: "{{walk}}{{colour}} A:"\nanswer: " x"\nlet: { colour: "" }\n${vary}`).shell!;
const walks = shellOf('vary: { walk: [1, 2, 3] }');
const both = parseShell(
  'format: 1\nshell: a\nfamily: memory\nprompt: "{{walk}} {{colour}} A:"\nanswer: " x"\nvary:\n  walk: [1, 2]\n  colour: [red, "red, dark"]\n',
).shell!;

describe('doses', () => {
  it('are read by the names and labels of the shell, which may hold commas', () => {
    expect(chosenDoses(both, ['walk=2'])).toEqual([{ walk: '2' }]);
    expect(chosenDoses(both, ['colour=red, dark,walk=1', 'walk=1,colour=red'])).toEqual([
      { colour: 'red, dark', walk: '1' },
      { walk: '1', colour: 'red' },
    ]);
    for (const dose of chosenDoses(both, ['colour=red, dark,walk=1'])) expect(chosenDoses(both, [doseText(dose)])).toEqual([dose]);
  });

  it.each([
    ['walk=22', /no run with "walk=22": did you mean "walk=2"/],
    ['wlak=2', /did you mean "walk=2"/],
    ['', /no run with ""/],
    ['walk=1,walk=2', /no run with/],
    ['walk=1,', /no run with/],
  ])('that a shell does not have are refused: %j', (text, message) => {
    expect(() => chosenDoses(both, [text])).toThrow(message);
    expect(() => chosenDoses(both, [text])).toThrow(InputError);
  });

  it('of a shell that varies nothing are refused', () => {
    expect(() => chosenDoses({ vary: [] }, ['walk=1'])).toThrow(/varies nothing/);
  });
});

describe('the part of a shell', () => {
  const labels = (...doses: Record<string, string>[]): string[] | undefined => partOf(both, doses)?.combinations.map(({ label }) => label);

  it('has the runs that have one of the doses, in the order of the shell', () => {
    expect(labels({ walk: '2' })).toEqual(['walk=2,colour=red', 'walk=2,colour=red, dark']);
    expect(labels({ walk: '2', colour: 'red' }, { walk: '1', colour: 'red' })).toEqual(['walk=1,colour=red', 'walk=2,colour=red']);
    expect(partOf(both, [{ walk: '1' }, { colour: 'red' }])).toMatchObject({ of: 4, first: 3, doses: ['walk=1', 'colour=red'] });
  });

  it('is no part where it is the whole', () => {
    expect(partOf(walks, [{ walk: '3' }, { walk: '1' }, { walk: '2' }])).toBeNull();
    expect(partOf(walks, [{ walk: '2' }])).toMatchObject({ of: 3, first: 0 });
  });

  it.each([[{}], [{ walk: '4' }], [{ other: '1' }]])('refuses a dose that no run has: %j', (dose) => {
    expect(() => partOf(walks, [dose as Record<string, string>])).toThrow(InputError);
  });
});
