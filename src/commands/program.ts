import { Argument, InvalidArgumentError, Option as Flag, type Command } from 'commander'
import type { Settings } from '../config/index.ts'
import { callOf, type Streams } from './call.ts'
import { EXIT_CODES, failureOf } from './failure.ts'
import { placeOf } from './place.ts'
import { written } from './screen.ts'
import { GROUPS, VERBS } from './verbs.ts'
import type { Option, Verb } from './verb.ts'

/** What the verbs need of the process that they run in. */
interface Surroundings extends Streams {
  readonly settings: () => Settings
  /** Ends the process once what was written is out. */
  end(code: number): void
  /** What is no failure of a command. */
  defect(error: unknown): void
}

/** Adds all verbs to `pulse`. */
export function addVerbs(pulse: Command, around: Surroundings): void {
  const groups = new Map<string, Command>()
  for (const verb of VERBS) {
    const [first, second] = verb.words
    if (second === undefined) {
      describe(pulse.command(first), verb, around)
      continue
    }
    const group = groups.get(first) ?? pulse.command(first).description(GROUPS[first] ?? '')
    groups.set(first, group)
    describe(group.command(second), verb, around)
  }
}

function describe(command: Command, verb: Verb, around: Surroundings): void {
  command.description(verb.says).addHelpText('after', `\nExample:\n  pulse ${verb.example}`)
  for (const { name, says } of verb.takes ?? []) command.addArgument(new Argument(name, says))
  for (const option of verb.options ?? []) command.addOption(flagOf(option))
  if (verb.forTenant)
    command.addOption(new Flag('--tenant <tenant>', 'its slug or id; without it PULSE_TENANT, or whose the key is'))
  if (verb.isGuarded === true)
    command.addOption(
      new Flag('--if-match <etag>', 'only if it still is what was shown with this etag').argParser(quotedEtag),
    )
  command
    .addOption(
      new Flag('--url <url>', 'where the API answers; without it PULSE_URL, or this machine').argParser(address),
    )
    .option('--json', "the API's own answer, for machines")
    .action((...given: unknown[]) => run(verb, given, around))
}

function flagOf({ flags, says, isRepeated, choices }: Option): Flag {
  const flag = new Flag(flags, says)
  if (choices !== undefined) flag.choices([...choices])
  if (isRepeated === true)
    flag.argParser((text: string, before: readonly string[] = []) => {
      if (choices !== undefined && !choices.includes(text))
        throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`)
      return [...before, text]
    })
  return flag
}

/** As the API reads it: the quotes of an ETag are easily lost in a shell. */
const quotedEtag = (text: string): string => (text === '*' || text.includes('"') ? text : `"${text}"`)

function address(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new InvalidArgumentError('Give an address like http://127.0.0.1:8000.')
  return text
}

/** Commander hands the arguments, then the options, then the command. */
async function run(verb: Verb, given: readonly unknown[], around: Surroundings): Promise<void> {
  const options = given.at(-2) as Readonly<Record<string, unknown>>
  const asJson = options['json'] === true
  const call = { verb, given: given.slice(0, -2), options }
  try {
    const settings = around.settings()
    const place = await placeOf(settings, options['url'] as string | undefined)
    const said = await verb.act(callOf(call, { place, tenant: settings.tenant, streams: around }))
    around.wipe()
    await around.write(asJson ? said.json : written(said.text, around.columns('stdout')))
    around.end(said.isPartial === true ? EXIT_CODES.not_done.code : EXIT_CODES.done.code)
  } catch (error) {
    around.wipe()
    const failure = failureOf(error, asJson)
    if (failure === undefined) return around.defect(error)
    around.complain(failure.text)
    around.end(failure.code)
  }
}
