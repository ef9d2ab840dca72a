import { objectOf, PAGE, saidPage } from './answers.ts'
import { changesOf } from './entity-changes.ts'
import { entityPath, exampleUri, named, saidEntity } from './entity.ts'
import { KINDS, type Kind } from './kinds.ts'
import { Mistaken, type Verb } from './verb.ts'

const ALL_LISTS = ['status', 'uses', 'supersedes', 'limit', 'cursor']
/** `--schema <uri>` -> `schema`. */
const wordOf = (flags: string): string => flags.slice(2).split(' ')[0] ?? ''

const list = ({ word, noun, collection, filters, columns }: Kind): Verb => ({
  words: [word, 'list'],
  says: `list the ${collection.replace('-', ' ')} that the tenant sees, newest first`,
  options: [
    { flags: '--status <status>', says: 'only those', choices: ['draft', 'published', 'archived'] },
    { flags: '--uses <uri>', says: 'only those that refer to it themselves' },
    { flags: '--supersedes <uri>', says: 'only those that supersede it' },
    ...filters.map(([option]) => option),
    ...PAGE,
  ],
  forTenant: true,
  example: `${word} list --status published --tenant acme`,
  async act(call) {
    const query = {
      ...Object.fromEntries(ALL_LISTS.map((name) => [name, call.option(name)])),
      ...Object.fromEntries(filters.map(([{ flags }, name]) => [name, call.option(wordOf(flags))])),
    }
    const members = ['uri', 'title', 'status', ...columns, 'id', 'created_at']
    return saidPage(
      await call.ask('GET', `/v1/${collection}`, { query }),
      members,
      `The tenant sees no ${noun} like that.`,
    )
  },
})

const show = (kind: Kind): Verb => ({
  words: [kind.word, 'show'],
  says: `show a ${kind.noun}`,
  takes: named(kind),
  options: [
    {
      flags: '--only <member>',
      says: 'that one alone, as JSON for a file; composed is of schemas, all parts put together',
      choices: ['definition', 'composed'],
    },
  ],
  forTenant: true,
  example: `${kind.word} show ${exampleUri(kind)} --tenant acme`,
  async act(call) {
    const answered = await call.ask('GET', await entityPath(call, kind))
    const only = call.option('only')
    if (only === undefined) return saidEntity(answered, true)
    const member = objectOf(answered)[only]
    if (member === undefined) throw new Mistaken(`The ${kind.noun} has no ${only}.`)
    const json = `${JSON.stringify(member, undefined, 2)}\n`
    return { json, text: [json] }
  },
})

/** Of each kind the same verbs. */
export const ENTITY_VERBS: readonly Verb[] = KINDS.flatMap((kind) => [...changesOf(kind), list(kind), show(kind)])
