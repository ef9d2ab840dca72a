import type { Answered } from '../client/index.ts'
import { isUuid } from '../event/index.ts'
import { asLine, inPath, itemsIn, itemsOf, objectOf, PAGE, saidOne, saidPage } from './answers.ts'
import { readJson } from './input.ts'
import { KINDS, type Kind } from './kinds.ts'
import { one, table } from './screen.ts'
import { Mistaken, type Call, type Said, type Verb } from './verb.ts'

/** The id of what is named by uri or id. Rejects with `Mistaken` where the tenant sees none. */
async function entityId(call: Call, { collection, noun }: Pick<Kind, 'collection' | 'noun'>, named: string) {
  if (isUuid(named)) return named
  const id = itemsOf(await call.ask('GET', `/v1/${collection}`, { query: { uri: named } }))[0]?.['id']
  if (typeof id !== 'string') throw new Mistaken(`There is no ${noun} ${named} that this tenant sees.`)
  return id
}

/** The id of a schema that is named by uri or id. */
export const schemaId = (call: Call, named: string): Promise<string> =>
  entityId(call, { collection: 'schemas', noun: 'schema' }, named)

const ALL_LISTS = ['status', 'uses', 'supersedes', 'limit', 'cursor']
/** `--schema <uri>` -> `schema`. */
const wordOf = (flags: string): string => flags.slice(2).split(' ')[0] ?? ''

/** One entity; of a schema its columns as a table, with who says what, and what is kept otherwise than one might expect. */
function saidEntity(answered: Answered): Said {
  const { columns, warnings, ...entity } = objectOf(answered)
  if (columns === undefined && warnings === undefined) return saidOne(answered)
  const rows = itemsIn(answered, 'columns').map(({ id, path, type, required, labels, from }) => [
    id,
    path,
    type,
    required === true ? 'required' : '',
    Array.isArray(labels) ? labels.join(' ') : '',
    (from as readonly { uri: string }[]).map(({ uri }) => uri).join(' '),
  ])
  const warned = itemsIn(answered, 'warnings').map(({ pointer, message }) => [pointer, message])
  const parts = [
    one(entity),
    table(['id', 'column', 'type', '', 'labels', 'from'], rows, 'It composes to no columns yet.'),
    ...(warned.length === 0 ? [] : [table(['warning', 'message'], warned, '')]),
  ]
  return { json: asLine(answered.text), text: parts.join('\n') }
}

function verbsOf(kind: Kind): readonly Verb[] {
  const { word, noun, collection } = kind
  const path = `/v1/${collection}`
  const named = [{ name: `<${word}>`, says: 'its uri or id' }]
  const example = kind.example.split(' ').find((part) => part.startsWith('https:')) ?? ''
  const pathOf = async (call: Call): Promise<string> =>
    `${path}/${inPath(await entityId(call, kind, call.argument(0)))}`
  return [
    {
      words: [word, 'create'],
      says: `make a ${noun}, a draft`,
      takes: [
        kind.isBare === true
          ? { name: '[file]', says: 'its definition, where it has one; - reads standard input' }
          : { name: '<file>', says: 'its definition, JSON Schema; - reads standard input' },
      ],
      options: [
        { flags: '--uri <uri>', says: 'what it is called for ever' },
        { flags: '--title <title>', says: 'what people call it; without it the uri' },
        ...kind.more,
        { flags: '--supersedes <uri>', says: 'the version before it' },
        { flags: '--publish', says: 'publish it at once' },
      ],
      forTenant: true,
      example: `${word} create ${kind.example} --tenant acme`,
      async act(call) {
        const uri = call.option('uri')
        if (uri === undefined) throw new Mistaken(`Give the ${noun} a uri: --uri https://…`)
        const file = call.argument(0)
        const definition = file === '' ? undefined : (await readJson(await call.open(file), file)).text
        const members = { uri, title: call.option('title') ?? uri, ...kind.membersOf(call) }
        const more = { ...members, supersedes: call.option('supersedes') }
        // The definition goes as it was written: what it says of numbers is kept exactly.
        const rest = definition === undefined ? '}' : `,"definition":${definition}}`
        const data = JSON.stringify(more).slice(0, -1) + rest
        const made = await call.ask('POST', path, { content: { type: 'application/json', data } })
        if (!call.isGiven('publish')) return saidOne(made)
        const id = inPath(String((made.json as { id: string }).id))
        return saidOne(await call.ask('PATCH', `${path}/${id}`, { body: { status: 'published' } }))
      },
    },
    {
      words: [word, 'publish'],
      says: `publish a ${noun}: its definition is frozen from then on`,
      takes: named,
      forTenant: true,
      example: `${word} publish ${example} --tenant acme`,
      act: async (call) => saidOne(await call.ask('PATCH', await pathOf(call), { body: { status: 'published' } })),
    },
    {
      words: [word, 'list'],
      says: `list the ${collection.replace('-', ' ')} that the tenant sees, newest first`,
      options: [
        { flags: '--status <status>', says: 'only those', choices: ['draft', 'published', 'archived'] },
        { flags: '--uses <uri>', says: 'only those that refer to it themselves' },
        { flags: '--supersedes <uri>', says: 'only those that supersede it' },
        ...kind.filters.map(([option]) => option),
        ...PAGE,
      ],
      forTenant: true,
      example: `${word} list --status published --tenant acme`,
      async act(call) {
        const query = {
          ...Object.fromEntries(ALL_LISTS.map((name) => [name, call.option(name)])),
          ...Object.fromEntries(kind.filters.map(([{ flags }, name]) => [name, call.option(wordOf(flags))])),
        }
        const members = ['uri', 'title', 'status', ...kind.columns, 'id', 'created_at']
        return saidPage(await call.ask('GET', path, { query }), members, `The tenant sees no ${noun} like that.`)
      },
    },
    {
      words: [word, 'show'],
      says: `show a ${noun}`,
      takes: named,
      forTenant: true,
      example: `${word} show ${example} --tenant acme`,
      act: async (call) => saidEntity(await call.ask('GET', await pathOf(call))),
    },
    {
      words: [word, 'archive'],
      says: `archive a ${noun}: nothing new can use it`,
      takes: named,
      options: [{ flags: '--force', says: 'although something uses it' }],
      forTenant: true,
      example: `${word} archive ${example} --tenant acme`,
      async act(call) {
        const query = { force: call.isGiven('force') ? 'true' : undefined }
        return saidOne(await call.ask('DELETE', await pathOf(call), { query }))
      },
    },
  ]
}

export const ENTITY_VERBS: readonly Verb[] = KINDS.flatMap(verbsOf)
