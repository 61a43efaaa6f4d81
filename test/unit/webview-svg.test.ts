import * as fc from 'fast-check';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { escapeXml, fontOf, matrixText, SvgSheet } from '../../webview/model/svg-sheet.js';

const ink = { colour: '#123456', opacity: 1 };
const word = { x: 1, y: 2, font: '11px system-ui', align: 'left', baseline: 'alphabetic' };

describe('a sheet of SVG', () => {
  it('is well-formed XML whatever is written on it, and says the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), (text) => {
        const sheet = new SvgSheet(10, 10, text);
        sheet.text({ ...word, text: `x${text}` }, ink, null, null);
        const file = sheet.toString();
        expect(XMLValidator.validate(file)).toBe(true);
        const { svg } = new XMLParser({ ignoreAttributes: false, trimValues: false, parseTagValue: false }).parse(file) as {
          svg: { text: { '#text': string } };
        };
        const back = svg.text['#text'].replace(
          /&(lt|gt|amp|quot|#39|#13);/g,
          (_, name: string) => ({ lt: '<', gt: '>', amp: '&', quot: '"', '#13': '\r' })[name] ?? "'",
        );
        // eslint-disable-next-line no-control-regex -- what XML cannot hold
        expect(back).toBe(`x${text}`.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd'));
      }),
    );
  });

  it('keeps nothing that would be run: tags, attributes and ids are ours', () => {
    const sheet = new SvgSheet(10, 10, '</title><script>alert(1)</script>');
    sheet.text({ ...word, text: '"><script>alert(2)</script>', font: '11px "><a', align: '"', baseline: '"' }, ink, null, null);
    const file = sheet.toString();
    expect(file).not.toContain('<script');
    expect(XMLValidator.validate(file)).toBe(true);
  });

  it('puts clips within clips, once for each shape', () => {
    const sheet = new SvgSheet(10, 10, 't');
    const outer = sheet.clip('M0 0L5 5Z', null);
    const inner = sheet.clip('M1 1L2 2Z', outer);
    expect(sheet.clip('M0 0L5 5Z', null)).toBe(outer);
    sheet.fill('M0 0L9 9Z', ink, inner);
    const file = sheet.toString();
    expect(file).toContain(`<clipPath id="${inner}" clip-path="url(#${outer})">`);
    expect(file).toContain(`clip-path="url(#${inner})"/>`);
  });

  it('keeps a clip out of the plane of a turned text', () => {
    const sheet = new SvgSheet(10, 10, 't');
    const clip = sheet.clip('M0 0L5 5Z', null);
    sheet.text({ ...word, text: 'turned' }, ink, clip, 'matrix(0 1 -1 0 3 4)');
    expect(sheet.toString()).toMatch(/<g clip-path="url\(#clip-1\)"><text[^>]*transform="matrix[^>]*>turned<\/text><\/g>/);
  });

  it('ends every list of fonts in one that all readers have', () => {
    expect(fontOf('600 12px system-ui')).toEqual({
      'font-family': 'system-ui, sans-serif',
      'font-size': 12,
      'font-weight': '600',
      'font-style': null,
    });
    expect(fontOf('italic 11.5px "DejaVu Sans Mono"')['font-family']).toBe('"DejaVu Sans Mono", monospace');
    expect(fontOf('11px Arial, sans-serif')['font-family']).toBe('Arial, sans-serif');
    expect(fontOf('caption')['font-family']).toBe('sans-serif');
  });

  it('leaves out what cannot be seen', () => {
    const sheet = new SvgSheet(10, 10, 't');
    sheet.fill('M0 0Z', { colour: '#000000', opacity: 0 }, null);
    sheet.stroke('M0 0L1 1', { ...ink, width: 0, dash: [], cap: 'butt', join: 'miter' }, null);
    sheet.text({ ...word, text: '  ' }, ink, null, null);
    expect(sheet.toString()).not.toMatch(/<(path|text)/);
    expect(matrixText({ a: 1, b: 0, c: 0, d: 1, e: 0, f: 0 })).toBeNull();
    expect(escapeXml('\ud800')).toBe('\ufffd');
  });
});
