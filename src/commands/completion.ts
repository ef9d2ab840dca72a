import type { Command } from 'commander'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** What may follow some words of the command line. */
interface Place {
  /** `key create`; empty for the first word. */
  readonly path: string
  readonly words: readonly { readonly text: string; readonly says: string }[]
  /** Options that take a value, with what it may be; empty: a file, or anything. */
  readonly values: readonly { readonly option: string; readonly choices: readonly string[] }[]
  /** What is typed here is a file, where it is no option. */
  readonly takesFile: boolean
}

/** All places of the command line, from the command line itself. */
function placesOf(command: Command, path: readonly string[] = []): Place[] {
  const takes = command.registeredArguments
  const chosen = takes.flatMap(({ argChoices = [], description }) =>
    argChoices.map((text) => ({ text, says: description })),
  )
  const below = [...command.commands.map((one) => ({ text: one.name(), says: one.description() })), ...chosen]
  const options = command.options.map(({ long, description }) => ({ text: long ?? '', says: description }))
  const values = command.options
    .filter(({ required, optional }) => required || optional)
    .map(({ long, argChoices }) => ({ option: long ?? '', choices: argChoices ?? [] }))
  const help = { text: '--help', says: 'what it takes' }
  const here = {
    path: path.join(' '),
    words: [...below, ...options, help],
    values,
    takesFile: takes.some((one) => one.name() === 'file'),
  }
  return [here, ...command.commands.flatMap((one) => placesOf(one, [...path, one.name()]))]
}

/** The script that a shell reads to complete `pulse`. */
export function completionScript(shell: Shell, pulse: Command): string {
  return SCRIPTS[shell](placesOf(pulse))
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
const textsOf = (place: Place): string => place.words.map(({ text }) => text).join(' ')

/** Of each option that takes a value, what it may be; ":" stands for a file. */
const valueCases = (
  places: readonly Place[],
  say: (choices: readonly string[]) => string,
  separator: string,
): string[] =>
  places.flatMap(({ path, values }) =>
    values.map(({ option, choices }) => `    ${quoted(`${path}${separator}${option}`)}) ${say(choices)} ;;`),
  )

const SCRIPTS: Readonly<Record<Shell, (places: readonly Place[]) => string>> = {
  bash: (places) => `# bash completion of pulse: source <(pulse completion bash)
_pulse_files() {
  local IFS=$'\\n' # names may have spaces
  COMPREPLY=($(compgen -f -- "$1"))
}
_pulse() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} path='' at next
  for ((at = 1; at < COMP_CWORD; at++)); do
    next=\${COMP_WORDS[at]}
    case "\${path:+$path }$next" in
      ${paths(places)}) path="\${path:+$path }$next" ;;
    esac
  done
  COMPREPLY=()
  case "$path $before" in
${valueCases(
  places,
  (choices) =>
    choices.length > 0
      ? `COMPREPLY=($(compgen -W ${quoted(choices.join(' '))} -- "$word")); return`
      : '_pulse_files "$word"; return',
  ' ',
).join('\n')}
  esac
  case "$path" in
${places
  .map((place) => {
    const isWanted = place.takesFile ? '[[ $word != -* ]] || ' : ''
    return `    ${quoted(place.path)}) ${isWanted}COMPREPLY=($(compgen -W ${quoted(textsOf(place))} -- "$word")) ;;`
  })
  .join('\n')}
  esac
  if [[ \${#COMPREPLY[@]} -eq 0 && $word != -* ]]; then _pulse_files "$word"; fi
}
complete -o filenames -F _pulse pulse
`,
  zsh: (places) => `#compdef pulse
# zsh completion of pulse: source <(pulse completion zsh)
_pulse() {
  local before=\${words[CURRENT-1]} way='' next
  for next in \${words[2,CURRENT-1]}; do
    case "\${way:+$way }$next" in
      ${paths(places)}) way="\${way:+$way }$next" ;;
    esac
  done
  case "$way $before" in
${valueCases(places, (choices) => (choices.length > 0 ? `compadd -- ${choices.map(quoted).join(' ')}; return` : '_files; return'), ' ').join('\n')}
  esac
  local -a found
  case "$way" in
${places
  .map(({ path, words, takesFile }) => {
    const found = words.map(({ text, says }) => quoted(`${text}:${says}`)).join(' ')
    return `    ${quoted(path)}) ${takesFile ? '[[ $PREFIX != -* ]] || ' : ''}found=(${found}) ;;`
  })
  .join('\n')}
  esac
  (( $#found )) && _describe pulse found || _files
}
if [[ $funcstack[1] == _pulse ]]; then
  _pulse "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
  compdef _pulse pulse
fi
`,
  fish: (places) => `# fish completion of pulse: pulse completion fish | source
function __pulse_way
  set -l way
  for next in (commandline -opc)[2..-1]
    switch "$way $next"
      case ${places
        .filter(({ path }) => path !== '')
        .map(({ path }) => quoted(path.includes(' ') ? path : ` ${path}`))
        .join(' ')}
        set way (string trim "$way $next")
    end
  end
  echo -- "$way"
end
${places
  .flatMap((place) =>
    place.words.map(({ text, says }) => {
      const here = `-n ${quoted(`test "$(__pulse_way)" = "${place.path}"`)}`
      const value = place.values.find(({ option }) => option === text)
      const what = text.startsWith('--') ? `-l ${text.slice(2)}` : `-a ${text}`
      const given =
        value === undefined ? '' : value.choices.length > 0 ? ` -x -a ${quoted(value.choices.join(' '))}` : ' -r'
      return `complete -c pulse ${here} ${text.startsWith('--') ? '' : '-f '}${what}${given} -d ${quoted(says)}`
    }),
  )
  .join('\n')}
`,
}

/** A pattern of all the words that lead somewhere. */
const paths = (places: readonly Place[]): string =>
  places
    .filter(({ path }) => path !== '')
    .map(({ path }) => quoted(path))
    .join(' | ')
