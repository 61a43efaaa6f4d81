import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';

describe('an error of the user’s files', () => {
  it('names its file once, by its path where that is known', () => {
    const message = 'config.json: "hidden_size" is missing, an integer of at least 1.';
    for (const file of ['/models/m/config.json', 'C:\\models\\m\\config.json', 'config.json'])
      expect(new InputError(message, { file, field: 'hidden_size' }).format()).toBe(
        `${file}: "hidden_size" is missing, an integer of at least 1.`,
      );
    expect(new InputError(message).format()).toBe(message);
  });

  it('keeps what only looks like its file’s name, and tells the line and the column', () => {
    expect(new InputError('config.jsonl: no.', { file: 'config.json', line: 3, column: 9 }).format()).toBe(
      'config.json:3:9: config.jsonl: no.',
    );
    expect(new InputError('No.', { file: '' }).format()).toBe('No.');
  });
});
