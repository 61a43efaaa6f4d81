/** Cmdlets and programs that the script of `residue completion powershell` calls. */
const CALLED = new Set([
  'Register-ArgumentCompleter',
  'Select-Object',
  'Where-Object',
  'ForEach-Object',
  'Out-String',
  'Invoke-Expression',
  'residue',
]);
/** Variables that PowerShell itself gives a value. */
const AUTOMATIC = new Set(['_', 'null', 'true', 'false', 'PSVersionTable']);
const PAIRS: Readonly<Record<string, string>> = { '(': ')', '{': '}', '[': ']' };

interface Token {
  kind: 'string' | 'variable' | 'word' | 'mark';
  text: string;
  line: number;
}

/**
 * What is wrong with a script by the lexical grammar of PowerShell (about_Quoting_Rules, about_Special_Characters, about_Variables) and by two
 * rules of this project: each variable has a value before it is read, and nothing is called but what is on a list. Not a parser: where there is
 * a PowerShell, the script is tried in it.
 */
export function powershellProblems(script: string): string[] {
  const problems: string[] = [];
  const tokens = tokensOf(script, problems);
  const open: Token[] = [];
  const known = new Set(AUTOMATIC);
  for (const [i, token] of tokens.entries()) {
    const { kind, text, line } = token;
    if (kind === 'mark' && text in PAIRS) open.push(token);
    else if (kind === 'mark' && Object.values(PAIRS).includes(text)) {
      const last = open.pop();
      if (!last || PAIRS[last.text] !== text)
        problems.push(`line ${line}: ${last ? `${last.text} is closed by ${text}` : `${text} closes nothing`}`);
    } else if (kind === 'variable') {
      const inParameters = open.at(-1)?.text === '(' && tokens[tokens.indexOf(open.at(-1)!) - 1]?.text === 'param';
      if (inParameters || assigned(tokens, i)) known.add(text);
      else if (!known.has(text)) problems.push(`line ${line}: $${text} has no value`);
    } else if (kind === 'word' && starts(tokens, i) && !CALLED.has(text) && !['param', 'if', 'else', 'foreach', 'return'].includes(text))
      problems.push(`line ${line}: ${text} is no cmdlet that the script may call`);
  }
  for (const { text, line } of open) problems.push(`line ${line}: ${text} is not closed`);
  return problems;
}

/** Whether the variable is one of those before an equals sign: `$a = …`, `$a, $b = …`. */
function assigned(tokens: readonly Token[], i: number): boolean {
  let at = i + 1;
  while (tokens[at]?.text === ',' && tokens[at + 1]?.kind === 'variable') at += 2;
  return tokens[at]?.text === '=';
}

/** Whether a command begins here: at the start of a line, a block or a part of a pipeline. */
function starts(tokens: readonly Token[], i: number): boolean {
  const before = tokens[i - 1];
  return (
    before === undefined ||
    before.text === '|' ||
    before.text === '{' ||
    before.text === ';' ||
    (before.line < tokens[i]!.line && before.text !== ',')
  );
}

function tokensOf(script: string, problems: string[]): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  for (let i = 0; i < script.length;) {
    const rest = script.slice(i);
    const found =
      /^(?:#[^\n]*|\s+)/.exec(rest)?.[0] ??
      // Within single quotes a quote is doubled; within double quotes a backtick escapes.
      take(/^'(?:[^']|'')*'/, 'string') ??
      take(/^"(?:[^"`]|`[^]|"")*"/, 'string') ??
      take(/^\$(\w+)/, 'variable') ??
      take(/^@(\w+)/, 'variable') ??
      take(/^-?[A-Za-z][\w.-]*/, 'word') ??
      take(/^(?:2>|[-\w.]+|[^\s])/, 'mark')!;
    line += found.split('\n').length - 1;
    i += found.length;

    function take(pattern: RegExp, kind: Token['kind']): string | undefined {
      const match = pattern.exec(rest);
      if (!match) return undefined;
      if (kind === 'mark' && /^["']/.test(match[0])) problems.push(`line ${line}: ${match[0]} is not closed`);
      tokens.push({ kind, text: match[1] ?? match[0], line });
      // Variables within double quotes are read too.
      if (kind === 'string' && match[0].startsWith('"'))
        for (const [, name] of match[0].matchAll(/(?<!`)\$(\w+)/g)) tokens.push({ kind: 'variable', text: name!, line });
      return match[0];
    }
  }
  return tokens;
}
