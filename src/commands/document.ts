import type { Command } from 'commander'
import { EXIT_CODES } from './failure.ts'
import { VERBS } from './verbs.ts'

const cellOf = (text: string): string => text.replaceAll('|', '\\|')

/** Commands that do something, with the words that lead there. */
function* leavesOf(command: Command, before: readonly string[] = []): Generator<readonly [readonly string[], Command]> {
  for (const one of command.commands) {
    const words = [...before, one.name()]
    if (one.commands.length === 0) yield [words, one]
    else yield* leavesOf(one, words)
  }
}

/** docs/reference/commands.md, whole, from the command line itself. A test holds the file to it. */
export function commandsDocument(pulse: Command, notice: string): string {
  const isVerb = (words: readonly string[]): boolean =>
    VERBS.some(({ words: own }) => own.join(' ') === words.join(' '))
  const leaves = [...leavesOf(pulse)]
  const running = leaves.filter(([words]) => !isVerb(words))
  return [
    '# Commands',
    '',
    notice,
    '',
    'Each command says the same with `--help`. In a checkout `npm run pulse --` stands for `pulse`. [How the verbs find the API, the tenant and the key](../operate/commands.md).',
    '',
    '## Running Pulse, and looking at it',
    '| command | what it does |',
    '| --- | --- |',
    ...running.map(
      ([words, command]) => `| \`pulse ${synopsis(words, command)}\` | ${cellOf(command.description())} |`,
    ),
    '',
    '## Asking the API',
    'All take `--url` and `--json`, those of a tenant `--tenant`, those that change one thing [`--if-match`](../operate/commands.md#two-people-at-once).',
    '',
    ...leaves.filter(([words]) => isVerb(words)).flatMap(([words, command]) => verb(words, command)),
    '## Exit codes',
    '| code | meaning |',
    '| --- | --- |',
    ...Object.values(EXIT_CODES).map(({ code, says }) => `| ${code} | ${says} |`),
    '',
  ].join('\n')
}

const synopsis = (words: readonly string[], command: Command): string =>
  [...words, ...command.registeredArguments.map((one) => bracketed(one.name(), one.required, one.variadic))].join(' ')
const bracketed = (name: string, isRequired: boolean, isSome: boolean): string => {
  const text = `${name}${isSome ? '...' : ''}`
  return isRequired ? `<${text}>` : `[${text}]`
}

const EVERYWHERE = new Set(['--url', '--json', '--tenant', '--if-match'])

function verb(words: readonly string[], command: Command): string[] {
  const takes = command.registeredArguments.map((one) => `| \`${one.name()}\` | ${cellOf(one.description)} |`)
  const options = command.options
    .filter(({ long }) => !EVERYWHERE.has(long ?? ''))
    .map(({ flags, description, argChoices }) => {
      const choices = argChoices === undefined ? '' : ` (${argChoices.join(', ')})`
      return `| \`${flags}\` | ${cellOf(description + choices)} |`
    })
  const rows = [...takes, ...options]
  const example = VERBS.find((one) => one.words.join(' ') === words.join(' '))?.example ?? ''
  return [
    `### pulse ${synopsis(words, command).replaceAll(/[<>[\]]/g, '\\$&')}`,
    `${command.description()}.`,
    '',
    ...(rows.length === 0 ? [] : ['| | |', '| --- | --- |', ...rows, '']),
    '```sh',
    `pulse ${example}`,
    '```',
    '',
  ]
}
