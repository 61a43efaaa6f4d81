/**
 * The product's methods document as HTML: the few forms of Markdown that it is written in (headings, paragraphs, lists, tables,
 * emphasis, code, links), so that a report brings its own explanations along.
 */

const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** GitHub's anchor of a heading: what the panel's links and the document's own point to. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');

/** Emphasis, code and links of one line; a link to another document is its text alone, for a report stands by itself. */
function inline(text: string): string {
  return text
    .split(/(`[^`]+`)/)
    .map((part, i) => {
      if (i % 2 === 1) return `<code>${escape(part.slice(1, -1))}</code>`;
      return escape(part)
        .replaceAll(/\[([^\]]+)\]\(&#35;([\w-]+)\)|\[([^\]]+)\]\(#([\w-]+)\)/g, (_, a?: string, b?: string, c?: string, d?: string) => {
          return `<a href="#method-${b ?? d}">${a ?? c}</a>`;
        })
        .replaceAll(/\[([^\]]+)\]\([^)\s]+\)/g, '$1')
        .replaceAll(/\*\*([^*]+)\*\*/g, '<b>$1</b>')
        .replaceAll(/(^|[\s(])_([^_]+)_(?=$|[\s).,;:])/g, '$1<em>$2</em>')
        .replaceAll(/\\([|*_])/g, '$1');
    })
    .join('');
}

const cells = (line: string): string[] =>
  line
    .replace(/^\||\|\s*$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => inline(cell.trim()));

function block(lines: readonly string[]): string {
  const [first = ''] = lines;
  const heading = /^(#{1,4}) (.*)$/.exec(first);
  if (heading) {
    const level = Math.min(4, heading[1]!.length + 1);
    return `<h${level} id="method-${anchorOf(heading[2]!)}">${inline(heading[2]!)}</h${level}>`;
  }
  if (first.startsWith('|')) {
    const [head = '', , ...rows] = lines;
    const row = (line: string, tag: 'th' | 'td'): string =>
      `<tr>${cells(line)
        .map((cell) => `<${tag}>${cell}</${tag}>`)
        .join('')}</tr>`;
    return `<div class="report-table"><table><thead>${row(head, 'th')}</thead><tbody>${rows.map((line) => row(line, 'td')).join('')}</tbody></table></div>`;
  }
  if (first.startsWith('- ')) {
    const items: string[] = [];
    for (const line of lines) {
      if (line.startsWith('- ')) items.push(line.slice(2));
      else items[items.length - 1] += ` ${line.trim()}`;
    }
    return `<ul>${items.map((item) => `<li>${inline(item)}</li>`).join('')}</ul>`;
  }
  return `<p>${inline(lines.join(' '))}</p>`;
}

export function methodsHtml(markdown: string): string {
  return markdown
    .split(/\n\s*\n/)
    .map((part) => part.split('\n').filter((line) => line.trim() !== ''))
    .filter((lines) => lines.length > 0)
    .map(block)
    .join('\n');
}
