import { describe, expect, it } from 'vitest';
import { namedModel } from '../../src/editor/named-model.js';
import { splitSelection } from '../../src/editor/selection.js';
import { cpuTime } from '../helpers/cpu-time.js';

describe('splitSelection', () => {
  it('takes the last word with the space in front of it', () => {
    expect(splitSelection('Tom has a red ball', 1)).toEqual({ prompt: 'Tom has a red', answer: ' ball' });
    expect(splitSelection('Tom has a red ball', 2)).toEqual({ prompt: 'Tom has a', answer: ' red ball' });
  });

  it('leaves out what follows the last word', () => {
    expect(splitSelection('  "Tom has a red ball."\n', 1)).toEqual({ prompt: '  "Tom has a red', answer: ' ball' });
    expect(splitSelection('A: red,', 1)).toEqual({ prompt: 'A:', answer: ' red' });
  });

  it('keeps punctuation inside words, lines and every other character', () => {
    expect(splitSelection("one\r\ntwo  Tom's", 1)).toEqual({ prompt: 'one\ntwo', answer: "  Tom's" });
    expect(splitSelection('rot grün 蓝色', 1)).toEqual({ prompt: 'rot grün', answer: ' 蓝色' });
    expect(splitSelection('f(x) = y + 1', 1)).toEqual({ prompt: 'f(x) = y +', answer: ' 1' });
  });

  it.each(['', '   ', 'one', '...', '"Hello!"'])('has nothing to ask of %j', (text) => {
    expect(splitSelection(text, 1)).toBeNull();
  });

  it('needs a word more than the answer has', () => {
    expect(splitSelection('two words', 2)).toBeNull();
    expect(splitSelection('two words', 5)).toBeNull();
  });

  it('takes time in proportion to the text', () => {
    const took = cpuTime(() => {
      splitSelection(`${' '.repeat(100_000)}a${'.'.repeat(99_999)}`, 8);
      splitSelection('. '.repeat(100_000), 8);
      splitSelection(`x${' .'.repeat(99_000)}y`, 8);
    });
    expect(took).toBeLessThan(1000);
  });
});

describe('namedModel', () => {
  it.each([
    ['model: pocket\n', 'pocket'],
    ['format: 1\nmodel: "./my model" # mine\nrun: []', './my model'],
    ["model: './m'", './m'],
    ['model: a/b#c  # d', 'a/b#c'],
    ['prompt: |-\n  model: inside\n', null],
    ['model:\nrun: []', null],
    ['model: # none\n', null],
  ])('%j → %j', (text, model) => {
    expect(namedModel(text)).toBe(model);
  });
});
