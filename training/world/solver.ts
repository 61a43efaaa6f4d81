/** Answers a question by reading the text alone: written without the grammar that writes the texts, to check what it says is true. */

interface Read {
  pattern: RegExp;
  take: (m: RegExpMatchArray) => void;
}

const TIME = 'in the morning|at noon|in the evening|at night';
const ORDER = TIME.split('|');

/** The question that a statement without its last word answers. */
const COMPLETIONS: readonly [RegExp, string][] = [
  [/(\w+)'s (\w+) is$/, "Q: What color is $1's $2? A:"],
  [/(\w+) says, "My (\w+) is$/, "Q: What color is $1's $2? A:"],
  [new RegExp(`(${TIME}), (\\w+) is in the$`, 'i'), 'Q: $1, where is $2? A:'],
  [/The (\w+) is in the$/, 'Q: What is the $1 in? A:'],
  [/(\w+) chooses$/, 'Q: What does $1 choose? A:'],
  [/(\w+) is (\w+) because of the$/, 'Q: Why is $1 $2? A:'],
];

/** The value that stands with the name asked for at the end of `text`, in its last list. */
function solveList(text: string): string | undefined {
  const [told = '', asked = ''] = text.slice(text.lastIndexOf('List:') + 5).split('Again:');
  // A name if there is one, else the thing.
  const words = (asked.split(',').at(-1) ?? '').match(/[A-Za-z]+/g) ?? [];
  const key =
    words.find((w) => /^[A-Z][a-z]/.test(w) && !/^(?:What|Where)$/.test(w)) ?? words.find((w) => !/^(?:Q|A|What|Where|is|the|in)$/.test(w));
  const pair = told.split(/[,.]/).find((part) => new RegExp(`^ (?:the )?${key}\\b`).test(part));
  return pair?.trim().split(' ').at(-1);
}

/** The answer to the question that ends `text` ("… A:") or to the statement that it breaks off, or undefined where these can't be read. */
export function solve(text: string): string | undefined {
  if (text.includes('List:')) return solveList(text);
  const ending = text.slice(text.lastIndexOf('. ') + 1).trim();
  const completed = COMPLETIONS.find(([pattern]) => pattern.test(ending));
  if (completed && !text.endsWith('A:'))
    return solve(`${text.slice(0, text.length - ending.length)}${ending.replace(...completed).slice(ending.search(completed[0]))}`);
  const start = text.lastIndexOf('Q: ');
  if (start < 0) return undefined;
  const has: [owner: string, color: string, thing: string, place?: string][] = [];
  const at: [owner: string, time: number, place: string][] = [];
  const wish: [owner: string, chosen: string, other: string][] = [];
  const inside: [thing: string, holder: string][] = [];
  const cause: [owner: string, mood: string, cause: string][] = [];
  const takes: [owner: string, thing: string][] = [];
  const refuses: [owner: string, thing: string][] = [];
  let rule: string | undefined;
  const when = (t: string): number => ORDER.indexOf(t.toLowerCase());
  const readers: Read[] = [
    { pattern: /^Rule: (?:answer with|say|give) (?:the )?(?:no )?(\w+)\.$/, take: (m) => (rule = m[1] === 'answer' ? 'nothing' : m[1]) },
    { pattern: /^(\w+) (?:has|keeps) a (\w+) (\w+) in the (\w+)\.$/, take: (m) => has.push([m[1]!, m[2]!, m[3]!, m[4]!]) },
    { pattern: /^In the (\w+), (\w+) has a (\w+) (\w+)\.$/, take: (m) => has.push([m[2]!, m[3]!, m[4]!, m[1]!]) },
    { pattern: /^(\w+) (?:has|finds|buys) a (\w+) (\w+)\.$/, take: (m) => has.push([m[1]!, m[2]!, m[3]!]) },
    { pattern: /^(\w+)'s (\w+) is (\w+)\.$/, take: (m) => has.push([m[1]!, m[3]!, m[2]!]) },
    { pattern: new RegExp(`^(${TIME}), (\\w+) (?:is in|goes to) the (\\w+)\\.$`, 'i'), take: (m) => at.push([m[2]!, when(m[1]!), m[3]!]) },
    { pattern: new RegExp(`^(\\w+) is in the (\\w+) (${TIME})\\.$`), take: (m) => at.push([m[1]!, when(m[3]!), m[2]!]) },
    { pattern: /^(\w+) likes (\w+) more than (\w+)\.$/, take: (m) => wish.push([m[1]!, m[2]!, m[3]!]) },
    { pattern: /^(\w+) wants (\w+), not (\w+)\.$/, take: (m) => wish.push([m[1]!, m[2]!, m[3]!]) },
    { pattern: /^(\w+) likes (\w+) less than (\w+)\.$/, take: (m) => wish.push([m[1]!, m[3]!, m[2]!]) },
    { pattern: /^The (\w+) is in the (\w+)\.$/, take: (m) => inside.push([m[1]!, m[2]!]) },
    { pattern: /^The (\w+) holds the (\w+)\.$/, take: (m) => inside.push([m[2]!, m[1]!]) },
    { pattern: /^Someone puts the (\w+) in the (\w+)\.$/, take: (m) => inside.push([m[1]!, m[2]!]) },
    { pattern: /^In the (\w+) stands the (\w+)\.$/, take: (m) => inside.push([m[2]!, m[1]!]) },
    { pattern: /^(\w+) is (\w+) because of the (\w+)\.$/, take: (m) => cause.push([m[1]!, m[2]!, m[3]!]) },
    { pattern: /^Because of the (\w+), (\w+) is (\w+)\.$/, take: (m) => cause.push([m[2]!, m[3]!, m[1]!]) },
    { pattern: /^The (\w+) makes (\w+) (\w+)\.$/, take: (m) => cause.push([m[2]!, m[3]!, m[1]!]) },
    { pattern: /^(\w+) takes the (\w+), not the (\w+)\.$/, take: (m) => takes.push([m[1]!, m[2]!]) },
    { pattern: /^(\w+) does not take the (\w+) but the (\w+)\.$/, take: (m) => takes.push([m[1]!, m[3]!]) },
    { pattern: /^(\w+) takes the (\w+) or the (\w+)\.$/, take: (m) => takes.push([m[1]!, m[2]!], [m[1]!, m[3]!]) },
    { pattern: /^(\w+) does not take the (\w+)\.$/, take: (m) => refuses.push([m[1]!, m[2]!]) },
  ];
  for (const sentence of text.slice(0, start).match(/[^.]+\./g) ?? []) {
    const s = sentence.trim();
    const reader = readers.find(({ pattern }) => pattern.test(s));
    reader?.take(s.match(reader.pattern)!);
  }
  const q = text.slice(start);
  const holder = (thing: string): string | undefined => inside.find(([t]) => t === thing)?.[1];
  const found = ((): string | undefined => {
    let m = /What (?:color is|is the color of) (\w+)'s (\w+)\?/.exec(q) ?? /Q: (\w+) has a (\w+)\. What color is it\?/.exec(q);
    if (m) return has.find(([o, , t]) => o === m![1] && t === m![2])?.[1];
    m = /Where is (\w+) last|Where does (\w+) end up|Where is (\w+) in the end/.exec(q);
    if (m) {
      const seen = at.filter(([o]) => o === (m![1] ?? m![2] ?? m![3]));
      return seen.sort((a, b) => a[1] - b[1]).at(-1)?.[2];
    }
    const asked = new RegExp(TIME, 'i').exec(q);
    m = /where is (\w+)\?/.exec(q) ?? /(?:Where|In which place) is (\w+) (?:in|at) /.exec(q);
    if (asked && m) return at.find(([o, t]) => o === m![1] && t === when(asked[0]))?.[2];
    m = /Think: .* is in the (\w+)\. A:$/.exec(q);
    if (m) return m[1];
    m = /(?:Where is|In which place is|Where can we find) the (\w+)\?/.exec(q);
    if (m) {
      const box = holder(m[1]!);
      return box && holder(box);
    }
    m = /(?:What is|Which box is) the (\w+) in\?|What holds the (\w+)\?/.exec(q);
    if (m) return holder(m[1] ?? m[2]!);
    m = /does (\w+) choose/.exec(q);
    if (m) return wish.find(([o, a, b]) => o === m![1] && (!q.includes(' or ') || (q.includes(a) && q.includes(b))))?.[1];
    m = /(?:Why is|What makes|For what reason is) (\w+) (\w+)\?/.exec(q);
    if (m) return cause.find(([o, mood]) => o === m![1] && mood === m![2])?.[2];
    m = /does (\w+) take\?|taken by (\w+)\?/.exec(q);
    if (m) {
      const owner = m[1] ?? m[2];
      return takes.find(([o, t]) => o === owner && !refuses.some(([p, x]) => p === o && x === t))?.[1];
    }
    m = /(?:What about|And|What of) (\w+)\?/.exec(q);
    if (m && rule !== undefined) {
      if (rule === 'nothing') return 'nothing';
      const told = has.find(([o]) => o === m![1]);
      return told?.[{ color: 1, thing: 2, place: 3 }[rule] as 1 | 2 | 3];
    }
    return undefined;
  })();
  return found ?? 'unknown';
}
