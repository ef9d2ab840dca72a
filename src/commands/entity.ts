import type { Answered } from '../client/index.ts'
import { isUuid } from '../event/index.ts'
import { asLine, etagIn, inPath, itemsIn, itemsOf, objectOf } from './answers.ts'
import type { Kind } from './kinds.ts'
import { apart, one, table } from './screen.ts'
import { Mistaken, type Call, type Said } from './verb.ts'

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

/** Where the one is that the call's first argument names. */
export const entityPath = async (call: Call, kind: Kind): Promise<string> =>
  `/v1/${kind.collection}/${inPath(await entityId(call, kind, call.argument(0)))}`

/** What the first argument of many verbs is. */
export const named = ({ word }: Kind) => [{ name: `<${word}>`, says: 'its uri or id' }]

/** The uri in an example of the kind. */
export const exampleUri = ({ example }: Kind): string =>
  example.split(' ').find((part) => part.startsWith('https:')) ?? ''

/** What is told in tables, or only to who asks. */
const APART = new Set(['columns', 'warnings', 'composed', 'definition'])

/**
 * One entity; of a schema its columns as a table, with who says what, and what is kept otherwise than one might expect. The
 * definition only where `isWhole`: who changes it has it before him. What it composes to is in `--only composed`.
 */
export function saidEntity(answered: Answered, isWhole = false): Said {
  const entity = objectOf(answered)
  const members = Object.entries(entity).filter(([name]) => !APART.has(name) || (isWhole && name === 'definition'))
  const rows = itemsIn(answered, 'columns').map(({ id, path, type, required, labels, from }) => [
    id,
    path,
    type,
    required === true ? 'yes' : '',
    Array.isArray(labels) ? labels.join(' ') : '',
    (from as readonly { uri: string }[]).map(({ uri }) => uri).join(' '),
  ])
  const warned = itemsIn(answered, 'warnings').map(({ pointer, message }) => [pointer, message])
  const headings = ['id', 'column', 'type', 'required', 'labels', 'from']
  const parts = [
    one({ ...Object.fromEntries(members), ...etagIn(answered) }),
    ...(entity['columns'] === undefined ? [] : [table(headings, rows, 'It composes to no columns yet.')]),
    ...(warned.length === 0 ? [] : [table(['warning', 'message'], warned, '')]),
  ]
  return { json: asLine(answered.text), text: apart(parts) }
}
