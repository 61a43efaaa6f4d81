import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toCsv } from '../../webview/model/csv.js';
import { bytes, count, fixed, nats, number, pieces, probability, visible } from '../../webview/model/format.js';
import { around, overlaps, place } from '../../webview/model/place.js';
import { panelHtml } from '../../src/editor/panel-html.js';

describe('numbers', () => {
  it('keeps three digits, a true minus and the unit', () => {
    expect(number(1.23456)).toBe('1.23');
    expect(number(-0.5)).toBe('−0.5');
    expect(number(0)).toBe('0');
    expect(number(12345.6)).toBe('12346');
    expect(number(1e-6)).toBe('1e−6');
    expect(number(-1.26e-7)).toBe('−1.3e−7');
    expect(number(2e9)).toBe('2e9');
    expect(number(null)).toBe('–');
    expect(number(Infinity)).toBe('∞');
    expect(nats(2.1)).toBe('+2.1 nats');
    expect(nats(-0.42)).toBe('−0.42 nats');
    expect(nats(null)).toBe('–');
    expect([0.41, -0.356, 2.8e-4, -2.8e-4, 12, null].map(fixed)).toEqual(['+0.410', '−0.356', '0.000', '0.000', '+12.000', '–']);
  });

  it('shows probabilities as percent down to 0.1 %, and never as 100 % unless they are 1', () => {
    expect(probability(0.1234)).toBe('12.3 %');
    expect(probability(0.0123)).toBe('1.2 %');
    expect(probability(0.00012)).toBe('1.2e−4');
    expect(probability(0.99999)).toBe('99.9 %');
    expect(probability(1)).toBe('100 %');
    expect(probability(undefined)).toBe('–');
  });

  it('counts and sizes', () => {
    expect(count(1, 'token')).toBe('1 token');
    expect(count(1024, 'token')).toBe('1,024 tokens');
    expect(bytes(999)).toBe('999 B');
    expect(bytes(5_300_000)).toBe('5.3 MB');
  });
});

describe('tokens as text', () => {
  it('shows leading, trailing and double spaces as dots and leaves a single inner one', () => {
    expect(visible(' red')).toBe('·red');
    expect(visible('a b')).toBe('a b');
    expect(visible('a  b')).toBe('a··b');
    expect(visible('x ')).toBe('x·');
    expect(visible(' ')).toBe('·');
    expect(visible('')).toBe('∅');
  });

  it('names what cannot be seen or would reorder the line', () => {
    expect(visible('\n')).toBe('⏎');
    expect(visible('\t\r')).toBe('⇥␍');
    expect(visible('a\u202eb')).toBe('a⟨202E⟩b');
    expect(visible('\u200b')).toBe('⟨200B⟩');
    expect(visible('\u0000')).toBe('⟨0000⟩');
    expect(visible('\ufeff')).toBe('⟨FEFF⟩');
  });

  it('leaves letters of every script and emoji alone', () => {
    for (const text of ['שלום', '你好', 'नमस्ते', '🙂', 'é', '<img onerror=1>']) expect(visible(text)).toBe(text);
  });

  it('says how long a very long token is', () => {
    const shown = visible('x'.repeat(10_000), 24);
    expect(shown.startsWith('x'.repeat(24))).toBe(true);
    expect(shown).toContain('10,000 characters');
    expect(shown.length).toBeLessThan(60);
  });

  it('never lets a control or bidirectional override through (property)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const out = pieces(text, 100)
          .map((p) => p.text)
          .join('');
        return !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(out);
      }),
      { seed: 7, numRuns: 150 },
    );
  });
});

describe('CSV', () => {
  it('quotes what needs it and disarms formulas', () => {
    const csv = toCsv({
      columns: ['a', 'b'],
      rows: [
        ['x,"y"\nz', 1.5],
        ['=SUM(A1)', null],
        ['-1+2', -3],
        [' red', true],
      ],
    });
    expect(csv).toBe('a,b\r\n"x,""y""\nz",1.5\r\n\'=SUM(A1),\r\n\'-1+2,-3\r\n red,true\r\n');
  });
});

describe('placing labels', () => {
  it('keeps to the bounds, keeps labels apart, and drops what has no place', () => {
    const bounds = { x: 0, y: 0, w: 100, h: 20 };
    const [a, b, c] = place(
      [
        { w: 60, h: 12, at: [{ x: 0, y: 0 }] },
        {
          w: 60,
          h: 12,
          at: [
            { x: 10, y: 2 },
            { x: 50, y: 2 },
          ],
        },
        { w: 30, h: 12, at: [{ x: 65, y: 4 }] },
      ],
      bounds,
    );
    expect(a).toEqual({ x: 0, y: 0, w: 60, h: 12 });
    expect(b).toBeNull();
    expect(c).toEqual({ x: 65, y: 4, w: 30, h: 12 });
  });

  it('never overlaps (property)', () => {
    const point = fc.record({
      x: fc.integer({ min: 0, max: 200 }),
      y: fc.integer({ min: 0, max: 100 }),
      w: fc.integer({ min: 5, max: 60 }),
    });
    fc.assert(
      fc.property(fc.array(point, { maxLength: 20 }), (points) => {
        const bounds = { x: 0, y: 0, w: 200, h: 100 };
        const boxes = place(
          points.map((p) => ({ w: p.w, h: 12, at: around(p.x, p.y, p.w, 12) })),
          bounds,
        ).filter((b) => b !== null);
        return boxes.every(
          (b, i) => b.x >= 0 && b.y >= 0 && b.x + b.w <= 200 && b.y + b.h <= 100 && boxes.every((o, j) => i === j || !overlaps(b, o)),
        );
      }),
      { seed: 3, numRuns: 300 },
    );
  });
});

describe('the page’s html', () => {
  const html = panelHtml({
    scriptUri: 'https://x/webview.js',
    restUri: 'https://x/webview-rest.js',
    controlsUri: 'https://x/webview-controls.js',
    styleUri: 'https://x/webview.css',
    nonce: 'abc123',
    cspSource: 'https://x',
  });

  it('allows scripts by nonce alone, no inline style, and nothing else', () => {
    const csp = /content="(default-src[^"]*)"/.exec(html)?.[1]?.replace(/&#39;/g, "'");
    expect(csp).toBe(
      "default-src 'none'; script-src 'nonce-abc123'; style-src https://x 'nonce-abc123'; font-src https://x; base-uri 'none'; form-action 'none'",
    );
    expect(html).not.toMatch(/unsafe|onload|onclick|style=/);
    expect(html.match(/<script /g)).toHaveLength(1);
    expect(html).toContain('data-rest="https://x/webview-rest.js"');
    expect(html).toContain('data-controls="https://x/webview-controls.js"');
  });

  it('escapes what it is given', () => {
    const hostile = panelHtml({
      scriptUri: '"><script>alert(1)</script>',
      restUri: '"><script>alert(3)</script>',
      controlsUri: '"><script>alert(2)</script>',
      styleUri: '',
      nonce: 'n',
      cspSource: '',
    });
    expect(hostile).not.toContain('<script>alert');
  });
});
