import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeHtml, reportHtml, scriptJson, type ReportAssets } from '../../src/residue/html.js';
import { anchorOf, methodsHtml } from '../../src/residue/methods-page.js';
import { generateResidue } from '../helpers/residue-generator.js';
import { METHODS } from '../../src/method-anchors.js';

const assets: ReportAssets = {
  controls: 'const c = 1;',
  rest: 'const d = 1;',
  page: 'const a = "<!-- x --></script><script>alert(1)//";\n//# sourceMappingURL=webview.js.map\n',
  pageStyle: 'body::after { content: "</style><b>" }',
  bridge: 'const b = 1;',
  bridgeStyle: 'p { color: red }',
  methods: readFileSync('docs/methods.md', 'utf8'),
};

const elements = (html: string, name: string): string[] =>
  [...html.matchAll(new RegExp(`<${name}(?: [^>]*)?>(.*?)</${name}>`, 'gs'))].map((match) => match[1]!);

describe('the HTML report', () => {
  const residue = generateResidue({ runs: 3 });
  const html = reportHtml(residue, assets);

  it('allows its own scripts and styles by their hashes and nothing else', () => {
    const csp = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1]?.replaceAll('&#39;', "'") ?? '';
    expect(csp).toMatch(/^default-src 'none'; /);
    expect(csp).not.toMatch(/unsafe|https?:|\*/);
    const [data, ...scripts] = elements(html, 'script');
    expect(JSON.parse(data!)).toMatchObject({ format: 1, shell: { id: 'v1.MEMTRACE' } });
    expect(scripts).toHaveLength(4);
    const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    for (const script of scripts) expect(csp).toContain(hash(script));
    for (const style of elements(html, 'style')) expect(csp).toContain(hash(style));
    expect(scripts[3]).not.toContain('sourceMappingURL');
    // Nothing is fetched: no address outside of texts.
    expect(html).not.toMatch(/<(link|img|iframe|base)\b|\bsrc=/i);
  });

  it('is the same bytes for the same residue', () => {
    expect(reportHtml(residue, assets)).toBe(html);
  });

  it('keeps texts of a model and a shell as data, whatever they are', () => {
    const small = generateResidue({ layers: 2, heads: 2, length: 8, control: false });
    const plain = reportHtml(small, { ...assets, methods: '' });
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.constantFrom('</script>', '<!--<script>', '"><img src=x>', ']]>'),
        (text, hostile) => {
          const bad = structuredClone(small);
          bad.shell.title = hostile + text;
          bad.provenance.model.id = text + hostile;
          bad.notes = [hostile + text];
          bad.runs[0]!.tokens[1]!.text = text + hostile;
          const page = reportHtml(bad, { ...assets, methods: '' });
          // As many tags as with harmless texts, and the data comes back as it was.
          const tags = (one: string): number => one.match(/<[!/a-z]/gi)!.length;
          expect(tags(page)).toBe(tags(plain));
          const back = JSON.parse(elements(page, 'script')[0]!) as typeof residue;
          expect([back.shell.title, back.notes[0]]).toEqual(
            [hostile + text, hostile + text].map((one) => JSON.parse(JSON.stringify(one)) as string),
          );
        },
      ),
      { seed: 3, numRuns: 40 },
    );
    expect(scriptJson('{"a":"</script>"}')).toBe('{"a":"\\u003c/script>"}');
    expect(escapeHtml(`<a href="x">'&`)).toBe('&#60;a href=&#34;x&#34;&#62;&#39;&#38;');
  });

  it('brings along every method that the panel links to', () => {
    const methods = methodsHtml(assets.methods);
    for (const anchor of Object.values(METHODS)) expect(methods, anchor).toContain(`id="method-${anchor}"`);
    for (const [, target] of methods.matchAll(/href="#([\w-]+)"/g)) expect(methods, target).toContain(`id="${target}"`);
    expect(methods).not.toMatch(/\]\(|\*\*|^\|/m);
    expect(anchorOf('QK/OV verdict per head')).toBe('qkov-verdict-per-head');
    expect(methodsHtml('a <b> `x|y` **z**\n\n- one\n  more\n- two')).toBe(
      '<p>a &#60;b&#62; <code>x|y</code> <b>z</b></p>\n<ul><li>one more</li><li>two</li></ul>',
    );
  });
});
