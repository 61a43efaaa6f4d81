/** A text to find, and how. `token` is what was found. */
export interface Wanted<T> {
  content: string;
  token: T;
  lstrip: boolean;
  rstrip: boolean;
  singleWord: boolean;
}

/** A stretch of a text: an added token, or (null) what lies between. `start` is in UTF-16 units. */
export interface Stretch<T> {
  token: T | null;
  text: string;
  start: number;
}

interface Node<T> {
  next: Map<string, Node<T>>;
  wanted: Wanted<T> | null;
}

const SPACE = /^\p{White_Space}$/u;
/** The Rust library's `\w`. */
const WORD = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200C\u200D]$/u;

/**
 * Finds added tokens as the Rust library does: from the left, the longest of those that begin at a place; one that must be a word of its
 * own is passed over within another word, and one with `lstrip` or `rstrip` takes the white space beside it in.
 */
export function finder<T>(list: readonly Wanted<T>[]): (text: string) => Stretch<T>[] {
  const root: Node<T> = { next: new Map(), wanted: null };
  for (const wanted of list) {
    if (wanted.content === '') continue;
    let node = root;
    for (const unit of wanted.content.split('')) {
      let next = node.next.get(unit);
      if (!next) node.next.set(unit, (next = { next: new Map(), wanted: null }));
      node = next;
    }
    node.wanted ??= wanted;
  }

  return (text) => {
    const stretches: Stretch<T>[] = [];
    let done = 0;
    for (let at = 0; at < text.length;) {
      const wanted = longestAt(root, text, at);
      if (!wanted) {
        at++;
        continue;
      }
      let start = at;
      let end = at + wanted.content.length;
      at = end;
      if (wanted.singleWord && (isWord(before(text, start)) || isWord(after(text, end)))) continue;
      if (wanted.lstrip) {
        while (start > done && SPACE.test(text[start - 1]!)) start--;
        // What the token before took in is not cut again; but a token without `lstrip` is one there, too.
        start = Math.max(start, done);
      }
      if (wanted.rstrip) while (end < text.length && SPACE.test(text[end]!)) end++;
      if (start >= end) continue;
      if (start > done) stretches.push({ token: null, text: text.slice(done, start), start: done });
      stretches.push({ token: wanted.token, text: text.slice(start, end), start });
      done = end;
    }
    if (done < text.length) stretches.push({ token: null, text: text.slice(done), start: done });
    return stretches;
  };
}

function longestAt<T>(root: Node<T>, text: string, at: number): Wanted<T> | null {
  let found: Wanted<T> | null = null;
  let node: Node<T> | undefined = root;
  for (let i = at; i < text.length && (node = node.next.get(text[i]!)); i++) found = node.wanted ?? found;
  return found;
}

const isWord = (character: string): boolean => WORD.test(character);

/** The character that ends at a place, whole. */
function before(text: string, at: number): string {
  const low = text[at - 1] ?? '';
  return /[\uDC00-\uDFFF]/.test(low) ? (text[at - 2] ?? '') + low : low;
}

function after(text: string, at: number): string {
  const code = text.codePointAt(at);
  return code === undefined ? '' : String.fromCodePoint(code);
}
