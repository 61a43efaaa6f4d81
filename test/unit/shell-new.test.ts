import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { readChatLogs } from '../../src/shell/chat-log.js';
import { FAMILIES } from '../../src/shell/families.js';
import { chatShell, familyShell, selectionShell } from '../../src/shell/new-shell.js';
import type { Family } from '../../src/shell/new-shell.js';
import { parseShell } from '../../src/shell/parse.js';
import { fill } from '../../src/shell/template.js';
import { withDefaults } from '../helpers/snippet.js';

/** The shell of a snippet, which must have no error. */
function shellOf(snippet: string) {
  const { shell, diagnostics } = parseShell(withDefaults(snippet));
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return shell!;
}

const words = fc.string({ unit: 'grapheme', maxLength: 60 });
const hard = fc
  .array(
    fc.oneof(
      words,
      fc.constantFrom('[[', ']]', '{{', '}}', '\\', '$1', '${2:x}', '\n', '\t', ' ', '#', ': ', "'", '"', '}', '\u007f', '- ', '🙂'),
    ),
    {
      maxLength: 12,
    },
  )
  .map((parts) => parts.join(''))
  // What no shell file may hold as it is has a test of its own.
  .map((text) => text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, ''));

describe('a new shell', () => {
  it('of each family is that family’s, right as it stands', () => {
    for (const family of Object.keys(FAMILIES) as Family[]) expect(shellOf(familyShell(family)).family).toBe(family);
  });

  it('from a selection reads exactly what was selected, whatever it holds', () => {
    fc.assert(
      fc.property(hard, (selected) => {
        fc.pre(selected.trim() !== '');
        const shell = shellOf(selectionShell(selected, `A selection of ${selected}`));
        const prompt = fill(shell.prompt, {});
        expect(prompt).toMatchObject({ kind: 'text', text: selected.replaceAll('\r\n', '\n').trimEnd(), spans: {} });
      }),
      { numRuns: 150 },
    );
    expect(() => selectionShell(' \n', 'x')).toThrow(InputError);
    expect(() => selectionShell('x'.repeat(1024 * 1024), 'x')).toThrow(/holds at most/);
  });

  it('from a chat log has the messages before the last reply as its prompt, and the reply’s first word as the answer', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('system', 'user', 'tool'), hard), { minLength: 1, maxLength: 4 }),
        hard,
        (turns, reply) => {
          const messages = [...turns.map(([role, content]) => ({ role, content })), { role: 'assistant', content: reply }];
          const [log] = readChatLogs(JSON.stringify(messages), 'log.json');
          const shell = shellOf(chatShell(log!, 'A conversation'));
          const prompt = fill(shell.prompt, {});
          expect(prompt.kind === 'chat' && prompt.messages.map(({ role, content }) => ({ role, content }))).toEqual(messages.slice(0, -1));
        },
      ),
      { numRuns: 100 },
    );
    const log = {
      field: '',
      messages: [
        { role: 'user', content: 'Capital of France?' },
        { role: 'assistant', content: 'Paris, of course.' },
      ],
    };
    expect(shellOf(chatShell(log, 'x')).answer).toEqual({ kind: 'text', text: 'Paris' });
    expect(withDefaults(chatShell(log, 'x'))).toContain('# What the log has as the reply: Paris, of course.');
    expect(() => chatShell({ field: '', messages: [{ role: 'assistant', content: 'x' }] }, 'x')).toThrow(/nothing to reply to/);
  });
});

describe('a chat log', () => {
  const one = [{ role: 'user', content: 'Hi' }];
  it('is a list of messages, by itself, under `messages` at any depth, one of several, or a line of JSON Lines', () => {
    for (const log of [one, { messages: one }, { request: { body: { messages: one, model: 'm' } }, response: {} }, [{ messages: one }]]) {
      expect(readChatLogs(JSON.stringify(log), 'log.json').map(({ messages }) => messages)).toEqual([one]);
    }
    const lines = `${JSON.stringify({ messages: one })}\n\n${JSON.stringify({ messages: one })}\n`;
    expect(readChatLogs(lines, 'log.jsonl').map(({ field }) => field)).toEqual(['[0].messages', '[1].messages']);
    const parts = [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Hel' },
          { type: 'input_text', text: 'lo' },
        ],
      },
    ];
    expect(readChatLogs(JSON.stringify(parts), 'log.json')[0]!.messages[0]!.content).toBe('Hello');
    expect(readChatLogs(`\ufeff${JSON.stringify(one)}`, 'log.json')).toHaveLength(1);
    expect(readChatLogs('[{"role":"user","content":"a\\ud800b"}]', 'log.json')[0]!.messages[0]!.content).toBe('a\ufffdb');
  });

  it.each([
    ['', /log\.json is empty; a chat log is a list/],
    ['{', /log\.json is not JSON/],
    ['{"a":1}\n{', /Line 2 of log\.json is not JSON/],
    ['{"a":1}\n[[', /Line 2 of log\.json is not JSON/],
    ['null', /holds no conversation/],
    ['[]', /holds no conversation/],
    ['{"messages": "x"}', /`messages` of log\.json must be a list of .*, not a string/],
    ['{"messages": []}', /holds no conversation/],
    ['[{"role":"user","content":"x"}, 5]', /Message 2 in log\.json is a number/],
    ['{"a":[{"role":"user"}]}', /Message 1 of `a` in log\.json has no `content`/],
    ['[{"role":5,"content":"x"}]', /has no `role` such as/],
    ['[{"role":"assistant","content":null}]', /a `content` that is empty; a shell holds text alone/],
    ['[{"role":"user","content":[{"type":"image_url"}]}]', /a `content` that is of type "image_url"/],
    [JSON.stringify(Array.from({ length: 1001 }, () => ({ role: 'user', content: 'x' }))), /1001 messages; a shell holds at most 1000/],
    ['['.repeat(200) + ']'.repeat(200), /holds no conversation/],
  ])('that is none is refused in one sentence: %s', (text, message) => {
    expect(() => readChatLogs(text, 'dir/log.json')).toThrow(InputError);
    try {
      readChatLogs(text, 'dir/log.json');
    } catch (error) {
      expect((error as Error).message).toMatch(message);
      expect((error as Error).message).toMatch(/^[^\n]+\.$/);
    }
  });

  it('never throws anything else, whatever JSON it is given', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom('', ' }', '\n{"messages": 3}'), (value, tail) => {
        try {
          for (const { messages } of readChatLogs(JSON.stringify(value) + tail, 'log.json')) expect(messages.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
    );
  });
});
