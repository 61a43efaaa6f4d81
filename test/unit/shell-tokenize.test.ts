import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../src/model/tokenizer.js';
import type { Tokenizer } from '../../src/model/types.js';
import { packageRoot } from '../../src/paths.js';
import { parseShell } from '../../src/shell/parse.js';
import { expandVary } from '../../src/shell/template.js';
import { prepare } from '../../src/shell/tokenize.js';
import type { PrepareOptions } from '../../src/shell/tokenize.js';
import type { PreparedPrompt } from '../../src/run/types.js';
import { loadReference, referencePath } from '../helpers/reference.js';

let pocket: Tokenizer;
let qwen: Tokenizer;
let stories: Tokenizer;
beforeAll(async () => {
  pocket = await loadTokenizer({ kind: 'folder', path: join(packageRoot(), 'media', 'models', 'pocket') });
  qwen = await loadTokenizer({ kind: 'folder', path: referencePath('qwen2') });
  stories = await loadTokenizer({ kind: 'llama2c', path: referencePath('stories260K', 'tok512.bin'), vocabSize: 512 });
});

const options: PrepareOptions = { label: 'probe', context: 512, vocabSize: 822 };

function make(tokenizer: Tokenizer, body: string, more: Partial<PrepareOptions> = {}): PreparedPrompt {
  const { shell, diagnostics } = parseShell(`format: 1\nshell: test\nfamily: memory\n${body}`);
  if (shell === null) throw new Error(JSON.stringify(diagnostics));
  return prepare({ prompt: shell.prompt, answer: shell.answer, rivals: shell.rivals }, tokenizer, {
    ...options,
    vocabSize: tokenizer.size,
    values: expandVary(shell)[0]!.values,
    ...more,
  });
}

/** The pieces of a prompt's span. */
function pieces(prompt: PreparedPrompt, span: string): string[] {
  const [start, end] = prompt.spans[span]!;
  return prompt.tokens.slice(start, end).map(({ text }) => text);
}

describe('text', () => {
  it('is tokenised as the model reads it, with BOS where the tokenizer adds one', () => {
    const prompt = make(
      pocket,
      'prompt: "Tom has a [[fact|red]] ball. Q: What color is Tom\'s ball? A:"\nanswer: " red"\nrivals: [" blue"]\n',
    );
    expect(prompt.ids).toEqual([0, 460, 724, 300, 766, 669, 15, 616, 27, 659, 701, 631, 656, 443, 669, 32, 291, 27]);
    expect(prompt).toMatchObject({
      label: 'probe',
      bosAdded: true,
      text: "Tom has a red ball. Q: What color is Tom's ball? A:",
      answer: { text: ' red', ids: [766] },
      rivals: [{ text: ' blue', ids: [679] }],
    });
    expect(pieces(prompt, 'fact')).toEqual([' red']);
    expect(prompt.notes).toBeUndefined();
  });

  it('finds the spans of the references', () => {
    for (const [name, tokenizer] of [
      ['qwen2', qwen],
      ['stories260K', stories],
    ] as const) {
      const { json } = loadReference(name);
      for (const { text, span, span_text, ids } of Object.values(json.prompts)) {
        const at = text.indexOf(span_text);
        const marked = `${text.slice(0, at)}[[s|${span_text}]]${text.slice(at + span_text.length)}`;
        const prompt = make(tokenizer, `prompt: ${JSON.stringify(marked)}\nanswer: "x"\n`);
        expect(prompt.ids).toEqual(ids);
        expect(prompt.spans['s']).toEqual(span);
      }
    }
  });

  it('gives a span every token that overlaps it, and white space at its ends no token', () => {
    expect(pieces(make(pocket, 'prompt: "Tom has a[[fact| red ]]ball. A:"\nanswer: " red"\n'), 'fact')).toEqual([' red']);
    expect(pieces(make(pocket, 'prompt: "To[[fact|m has a r]]ed ball. A:"\nanswer: " red"\n'), 'fact')).toEqual([
      'Tom',
      ' has',
      ' a',
      ' red',
    ]);
    const all = make(pocket, 'prompt: "[[fact|Tom has a red ball.]]"\nanswer: " red"\n');
    expect(all.spans['fact']).toEqual([1, all.ids.length]);
    const broken = make(pocket, 'prompt: "a [[s|日]] b"\nanswer: " red"\n');
    expect(pieces(broken, 's').length).toBeGreaterThan(1);
    expect(pieces(broken, 's').every((piece) => piece === ' ' || /^(<0x..>)+$/.test(piece))).toBe(true);
  });

  it('varies', () => {
    const body =
      'prompt: "Tom has a [[fact|red]] ball. {{walk}}A:"\nanswer: " red"\nvary:\n  walk: { repeat: "They walk for a while. ", times: [3] }\n';
    expect(make(pocket, body).text).toBe('Tom has a red ball. They walk for a while. They walk for a while. They walk for a while. A:');
  });
});

describe('answers', () => {
  it('follow the prompt: no space is put in front by tokenizers that put one before every text', () => {
    const prompt = make(stories, 'prompt: "Once upon a time, a cat was"\nanswer: " happy"\nrivals: ["x"]\n');
    const whole = stories.encode('Once upon a time, a cat was happy').map(({ id }) => id);
    expect([...prompt.ids, ...prompt.answer.ids]).toEqual(whole);
    expect(prompt.answer.ids.map((id) => stories.token(id)).join('')).toBe(' happy');
    // By itself it would have had a second space.
    expect(stories.encode(' happy', { addSpecial: false }).length).toBeGreaterThan(prompt.answer.ids.length);
  });

  it('that would join the last token are tokenised by themselves, with a note', () => {
    const prompt = make(pocket, 'prompt: "Tom has a re"\nanswer: "d"\n');
    expect(prompt.answer.ids).toEqual(pocket.encode('d', { addSpecial: false }).map(({ id }) => id));
    expect(prompt.notes?.join()).toMatch(/would join the prompt's last token/);
  });

  it('of several tokens are allowed, with a note', () => {
    const prompt = make(pocket, 'prompt: "Tom has a"\nanswer: " red ball"\nrivals: [" blue"]\n');
    expect(prompt.answer.ids.length).toBe(2);
    expect(prompt.notes).toEqual([
      'The answer " red ball" is 2 tokens (" red" " ball"): the first is compared at every layer, the whole at the output.',
    ]);
  });

  it('are rivals once each, whether as text or as ids', () => {
    const [blue] = pocket.encode(' blue', { addSpecial: false });
    const prompt = make(
      pocket,
      `prompt: a\nanswer: " red"\nrivals: [" blue", " green", " blue", { tokens: [${blue!.id}] }, " blue hat"]\n`,
    );
    expect(prompt.rivals.map(({ text }) => text)).toEqual([' blue', ' green', ' blue hat']);
    expect(prompt.notes).toContain('Rival 3 " blue" has the tokens of rival 1, so it is left out.');
    expect(prompt.notes).toContain('Rival 4 " blue" has the tokens of rival 1, so it is left out.');
  });

  it('that cannot be compared are refused', () => {
    expect(() => make(pocket, 'prompt: a\nanswer: " red"\nrivals: [" blue", " red hat"]\n')).toThrow(
      'Rival 2 " red hat" begins with the same token as the answer',
    );
    expect(() => make(pocket, 'prompt: a\nanswer: { tokens: [822] }\n')).toThrow(
      "The answer has the token id 822, but the model's vocabulary ends at 821.",
    );
    expect(() => make(pocket, `prompt: a\nanswer: ${JSON.stringify(' red'.repeat(300))}\n`)).toThrow(/300 tokens, more than the 256/);
  });
});

describe('ids', () => {
  it('are read as they are', () => {
    const prompt = make(
      pocket,
      'prompt: { tokens: [460, 724, 300, 766], spans: { fact: [3, 4] } }\nanswer: { tokens: [669, 15] }\nrivals: [" blue"]\n',
    );
    expect(prompt).toMatchObject({
      ids: [460, 724, 300, 766],
      bosAdded: false,
      text: null,
      spans: { fact: [3, 4] },
      answer: { text: ' ball.', ids: [669, 15] },
      rivals: [{ ids: [679] }],
    });
    expect(prompt.tokens.map(({ text }) => text).join('')).toBe('Tom has a red');
  });

  it('beyond the vocabulary are refused', () => {
    expect(() => make(pocket, 'prompt: { tokens: [1, 9000] }\nanswer: " red"\n')).toThrow(
      "The prompt has the token id 9000, but the model's vocabulary ends at 821.",
    );
  });
});

describe('conversations', () => {
  it("are written by the model's own template, spans with them, without another BOS", () => {
    const { messages, text, ids } = loadReference('qwen2').json['chat'] as {
      messages: { role: string; content: string }[];
      text: string;
      ids: number[];
    };
    const marked = messages.map(({ role, content }) => ({
      role,
      content: content.replace('red ball', '[[fact|red]] [[thing|ball]]').replace('kite', '[[end|kite]]'),
    }));
    const prompt = make(qwen, `prompt: ${JSON.stringify(marked)}\nanswer: "It"\n`);
    expect(prompt.text).toBe(text);
    expect(prompt.ids).toEqual(ids);
    expect(prompt.bosAdded).toBe(false);
    expect(pieces(prompt, 'fact').join('').trim()).toBe('red');
    expect(pieces(prompt, 'thing').join('').trim()).toBe('ball');
    expect(prompt.spans['end']![0]).toBeGreaterThan(prompt.spans['thing']![1]);
  });

  it('need a template, and spans that the template leaves in place', () => {
    expect(() => make(pocket, 'prompt: [{ role: user, content: hello }]\nanswer: x\n')).toThrow(/no chat template/);
    const shouting: Tokenizer = {
      ...qwen,
      renderChat: (messages) => messages.map(({ content }) => content.toUpperCase().slice(0, 4)).join(''),
    };
    expect(() => make(shouting, 'prompt: [{ role: user, content: "hello [[s|world]]" }]\nanswer: x\n')).toThrow(
      'The span "s" cannot be followed through',
    );
  });
});

describe('prompts that do not fit', () => {
  it('name both lengths', () => {
    const long = 'prompt: "{{w}}"\nanswer: " red"\nvary:\n  w: { repeat: " red", times: [600] }\n';
    expect(() => make(pocket, long)).toThrow("The prompt has 601 tokens, but the model's context holds 512.");
    expect(() => make(pocket, long, { label: 'control', vary: { w: '600' } })).toThrow('The control (w=600) has 601 tokens');
    expect(() => make(pocket, long.replace('600', '512'))).toThrow("The prompt has 513 tokens, but the model's context holds 512.");
    const edge = long.replace('600', '511');
    expect(make(pocket, edge).ids.length).toBe(512);
    expect(() => make(pocket, edge.replace('" red"\nvary', '" red ball"\nvary'))).toThrow(/together, but the model's context holds 512/);
  });

  it('empty ones have no answer position', () => {
    expect(() => make(qwen, 'prompt: "{{w}}"\nanswer: x\nvary: { w: [""] }\n')).toThrow('The prompt has no tokens.');
    expect(() => make(qwen, 'prompt: "a [[s|{{w}}]] b"\nanswer: x\nvary: { w: [""] }\n')).toThrow('no token lies in its text ""');
  });
});
