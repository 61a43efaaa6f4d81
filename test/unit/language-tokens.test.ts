import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fillWithOrigins } from '../../src/language/origins.js';
import { tokenHints } from '../../src/language/token-hints.js';
import type { HintModel, TokenHint } from '../../src/language/token-hints.js';
import { loadModel } from '../../src/model/load.js';
import { packageRoot } from '../../src/paths.js';
import { parseShell } from '../../src/shell/parse.js';
import { expandVary, fillText } from '../../src/shell/template.js';
import { prepare } from '../../src/shell/tokenize.js';

let model: HintModel;

beforeAll(async () => {
  const { tokenizer, spec, close } = await loadModel(join(packageRoot(), 'media', 'models', 'pocket'));
  close();
  model = { id: 'pocket', tokenizer, context: spec.context, vocabSize: spec.vocabSize };
});

const head = 'format: 1\nshell: my-shell\nfamily: memory\n';

/** The text with each hint written where it stands, as ⟨label⟩. */
function shown(text: string, hints: readonly TokenHint[]): string {
  return [...hints]
    .sort((a, b) => b.offset - a.offset)
    .reduce((out, { offset, label }) => `${out.slice(0, offset)}⟨${label}⟩${out.slice(offset)}`, text);
}

/** Texts between the boundaries of a line that holds them, without the marks. */
function pieces(line: string): string[] {
  return line
    .replace(/⟨[^·⟩]{2,}⟩/g, '')
    .split('⟨·⟩')
    .map((piece) => piece.replace(/\[\[[\w-]+\||\]\]/g, ''));
}

describe('token hints', () => {
  it('stand at the boundaries of the tokens that the model reads, in every style of text', () => {
    const prompt = "Tom has a [[fact|red]] ball. Q: What color is Tom's ball? A:";
    const styles = {
      literal: `prompt: |-\n  ${prompt}\n`,
      folded: `prompt: >-\n  Tom has a [[fact|red]]\n  ball. Q: What color\n  is Tom's ball? A:\n`,
      double: `prompt: "${prompt}"\n`,
      single: `prompt: '${prompt.replaceAll("'", "''")}'\n`,
      plain: `prompt: ${prompt.replaceAll(':', '')}\n`,
    };
    for (const [style, written] of Object.entries(styles)) {
      const text = `${head}${written}answer: " red"\n`;
      const { shell } = parseShell(text);
      const { tokens } = prepare({ prompt: shell!.prompt, answer: shell!.answer, rivals: null }, model.tokenizer, {
        label: 'probe',
        context: model.context,
        vocabSize: model.vocabSize,
      });
      const expected = tokens.filter(({ start, end }) => end > start).map((token) => token.text.trim());
      const between = shown(text, tokenHints(text, model, true))
        .slice(head.length)
        .replace(/\nanswer[^]*/, '')
        .replace(/^prompt: (\|-|>-)?(⟨\d+ tokens⟩)?\s*/, '')
        .replace(/⟨\d+ tokens⟩$/, '');
      const bare = /^["']/.test(between) ? between.slice(1, -1) : between;
      const found = pieces(bare).map((piece) => piece.replaceAll("''", "'").trim());
      expect(found, style).toEqual(expected);
    }
  });

  it('give the length over the values of vary, and say where it is over the context', () => {
    const text = `${head}prompt: |-\n  Tom has a red ball. {{walk}}A:\nanswer: " red"\nvary:\n  walk: { repeat: "They walk for a while. ", times: [0, 2, 4000] }\n`;
    const counts = tokenHints(text, model, false);
    const { shell } = parseShell(text);
    const lengths = expandVary(shell!).map(
      ({ values }) =>
        prepare({ prompt: shell!.prompt, answer: shell!.answer, rivals: null }, model.tokenizer, {
          label: 'probe',
          values,
          context: Infinity,
          vocabSize: model.vocabSize,
        }).ids.length,
    );
    expect(counts).toHaveLength(1);
    expect(counts[0]!.label).toBe(`${lengths[0]} to ${lengths[2]} tokens, over the ${model.context} of pocket`);
    expect(text.slice(0, counts[0]!.offset)).toMatch(/prompt: \|-$/);
  });

  it('tell the tokens of an answer or rival that has several, and a rival that begins like the answer', () => {
    const text = `${head}prompt: "Tom has a ball. A:"\nanswer: " redblueish"\nrivals: [" blue", " redblue"]\n`;
    const hints = tokenHints(text, model, false).filter(({ kind }) => kind === 'answer');
    expect(hints[0]!.label).toMatch(/^\d+ tokens: "/);
    expect(text.slice(0, hints[0]!.offset)).toMatch(/ redblueish"$/);
    expect(hints.at(-1)!.label).toMatch(/begins like the answer$/);
    expect(hints.some(({ offset }) => text.slice(0, offset).endsWith('" blue"'))).toBe(false);
  });

  it('mark nothing inside what vary brings, and nothing in a prompt that cannot be filled in', () => {
    const text = `${head}prompt: "Tom has a red ball. {{more}}A:"\nanswer: " red"\nvary:\n  more: ["They walk for a while. "]\n`;
    for (const { offset, kind } of tokenHints(text, model, true)) {
      if (kind === 'boundary') expect(text.slice(0, offset)).not.toMatch(/\{\{[^}]*$/);
    }
    expect(tokenHints(text.replace('answer', 'anser'), model, true)).toEqual([]);
    // What is wrong elsewhere does not take the length of a prompt away.
    expect(tokenHints(`${text}run:\n  - ANCHOR: { span: nobody }\n`, model, false)).toEqual(tokenHints(text, model, false));
    expect(tokenHints(text.replace('{{more}}', '{{mroe}}'), model, true)).toEqual([]);
  });

  it('count a prompt of ids', () => {
    expect(tokenHints(`${head}prompt: { tokens: [1, 5, 6] }\nanswer: " red"\n`, model, true).map(({ label }) => label)).toContain(
      '3 tokens',
    );
  });
});

it('a filled text knows where each of its characters is written', () => {
  const values = { a: 'x[[s|y]]{{b}}', b: 'zz' };
  for (const written of ['a \\[[b]] c', '{{a}} and \\\\[[t|u{{b}}]]!', '\\{{a}} {{b}}{{b}}', 'plain \\ text', '[[one|a]][[two|b]]']) {
    const { text, origin } = fillWithOrigins(written, values);
    expect(text).toBe(fillText(written, values).text);
    origin.forEach((from, i) => {
      if (from >= 0) expect(written[from]).toBe(text[i]);
    });
  }
});
