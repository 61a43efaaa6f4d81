import type { Command } from 'commander';
import { complete, printed, wordsOf } from './complete.js';
import { EXIT } from './session.js';

export const COMPLETED_SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type CompletedShell = (typeof COMPLETED_SHELLS)[number];

/*
 * Each script asks `residue complete` for what may stand at the cursor, so that it never has to be made anew: models that were
 * downloaded since, and options of a newer version, are there at once. Files are completed by the shell itself.
 */
const SCRIPTS: Record<CompletedShell, string> = {
  bash: `# Completion of residue in bash: source <(residue completion bash)
_residue() {
  local first='' line value extension path current=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  # bash takes a colon and an equals sign for the start of a word: what is before them is already there.
  case $current in ':' | '=') current='' ;; esac
  while IFS= read -r line; do
    if [ -z "$first" ]; then first=$line; continue; fi
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <(residue complete --line "\${COMP_LINE:0:COMP_POINT}" --breaks "$COMP_WORDBREAKS" 2>/dev/null)
  case $first in
    files* | folders*)
      compopt -o filenames 2>/dev/null
      while IFS= read -r path; do
        if [ -d "$path" ]; then COMPREPLY+=("$path"); continue; fi
        case $first in folders*) continue ;; 'files') COMPREPLY+=("$path"); continue ;; esac
        for extension in \${first#files }; do
          case $path in *."$extension") COMPREPLY+=("$path") ;; esac
        done
      done < <(compgen -f -- "$current")
      ;;
  esac
}
complete -F _residue residue
`,
  zsh: `#compdef residue
# Completion of residue in zsh: residue completion zsh > a folder of $fpath, as _residue; or source <(residue completion zsh) after compinit
_residue() {
  local -a lines found globs
  local first line
  lines=("\${(@f)$(residue complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  first=$lines[1]
  for line in "\${(@)lines[2,-1]}"; do
    found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  (( $#found )) && _describe -t residue 'residue' found
  case $first in
    'files') _files ;;
    files*) globs=(\${(s: :)\${first#files }}); _files -g "*.(\${(j:|:)globs})(-.)" ;;
    folders*) _files -/ ;;
  esac
}
if [ "$funcstack[1]" = "_residue" ]; then _residue "$@"; else compdef _residue residue; fi
`,
  fish: `# Completion of residue in fish: residue completion fish > ~/.config/fish/completions/residue.fish
function __residue_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l lines (residue complete -- $words[2..-1] "$current" 2>/dev/null)
  set -l first $lines[1]
  set -e lines[1]
  test (count $lines) -gt 0; and printf '%s\\n' $lines
  switch "$first"
    case 'files'
      __fish_complete_path "$current"
    case 'files *'
      for path in (__fish_complete_path "$current")
        set -l name (string split \\t -- $path)[1]
        if string match -q '*/' -- $name
          printf '%s\\n' $path
        else
          for extension in (string split ' ' -- (string replace 'files ' '' -- $first))
            string match -q "*.$extension" -- $name; and printf '%s\\n' $path
          end
        end
      end
    case 'folders*'
      __fish_complete_directories "$current"
  end
end
complete -c residue -f -a '(__residue_complete)'
`,
  powershell: `# Completion of residue in PowerShell: residue completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName residue -ScriptBlock {
  param($word, $ast, $cursor)
  $words = @($ast.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursor } | ForEach-Object { $_.ToString().Trim('"', "'") })
  # PowerShell before 7.3 leaves empty words out of what it calls, so the last has a dot in front.
  # Where nothing is returned PowerShell completes files itself.
  residue complete --dotted -- @words ".$word" 2>$null | Select-Object -Skip 1 | ForEach-Object {
    $value, $what = $_ -split "\`t", 2
    if (-not $what) { $what = $value }
    [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $what)
  }
}
`,
};

/** `residue completion SHELL`: prints the script that teaches a shell to complete residue. */
export function completionCommand(shell: CompletedShell): number {
  process.stdout.write(SCRIPTS[shell]);
  return EXIT.ok;
}

export interface CompleteOptions {
  line?: string;
  /** The last word has a dot in front: some shells pass no empty word on. */
  dotted?: boolean;
  /** bash's COMP_WORDBREAKS: it replaces only what comes after the last of them. */
  breaks?: string;
}

/** `residue complete`: what the scripts ask for. Says nothing and ends well whatever it is given. */
export async function completeCommand(residue: Command, typed: readonly string[], options: CompleteOptions): Promise<number> {
  const [{ shelf }, { plantedIds }, { COMMANDS }, { expandFiles, readShell }, { parseShell }] = await Promise.all([
    import('../hub/shelf.js'),
    import('../planted/catalog.js'),
    import('../commands/table.js'),
    import('./files.js'),
    import('../shell/parse.js'),
  ]);
  const dosesOf = (argument: string): string[] => {
    try {
      const shells = expandFiles([argument])
        .slice(0, 20)
        .map((file) => parseShell(readShell(file)).shell);
      return shells.flatMap((shell) => (shell?.vary ?? []).flatMap(({ name, values }) => values.map(({ label }) => `${name}=${label}`)));
    } catch {
      return [];
    }
  };
  const { line, dotted, breaks = '' } = options;
  const given = dotted ? [...typed.slice(0, -1), (typed.at(-1) ?? '.').slice(1)] : typed;
  const words = line === undefined ? given : wordsOf(line).slice(1);
  const found = complete(residue, words.length > 0 ? words : [''], {
    models: () => {
      try {
        return [...shelf().map(({ id }) => id), ...plantedIds()];
      } catch {
        return plantedIds();
      }
    },
    commands: () => COMMANDS.map(({ name }) => name),
    doses: (files) => [...new Set(files.flatMap(dosesOf))],
  });
  const last = words.at(-1) ?? '';
  const kept = Math.max(...[':', '='].filter((c) => breaks.includes(c)).map((c) => last.lastIndexOf(c)), -1) + 1;
  process.stdout.write(printed({ ...found, candidates: found.candidates.map((one) => ({ ...one, value: one.value.slice(kept) })) }));
  return EXIT.ok;
}
