import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Key } from '../keys/index.ts'
import { Problem } from '../problems/index.ts'
import type { Dataset, Entity, Tenant } from '../registry/index.ts'

/** What can be changed of a thing, by the names that its document has: what an ETag stands for. */
type Members = Readonly<Record<string, unknown>>
/** Throws `precondition_failed` where what is there is not what the caller has seen. Called on a locked row. */
type Check<T> = (current: T) => void

export const entityMembers = (entity: Entity): Members => ({
  title: entity.title,
  status: entity.status,
  definition: entity.definition,
  class_uri: entity.class_uri,
  field_group_uris: entity.field_group_uris,
  pointer: entity.pointer,
  updated_at: entity.updated_at,
})
export const datasetMembers = ({ name, schema_uri, updated_at }: Dataset): Members => ({ name, schema_uri, updated_at })
export const tenantMembers = ({ name, status, metadata, limits, updated_at }: Tenant): Members => ({
  name,
  status,
  metadata,
  limits,
  updated_at,
})

export const keyMembers = ({ name, scopes, status, expires_at, limits }: Key): Members => ({
  name,
  scopes,
  status,
  expires_at,
  limits,
})

/** 36 bits of each member: `updated_at` beside them tells two states apart, these only say what differs. */
const DIGITS = 6
const digest = (value: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(value) ?? 'null')
    .digest('base64url')
    .slice(0, DIGITS)

/**
 * A strong ETag (RFC 9110, 8.8.3) with a short hash for each member: whoever shows it again can be told which members were
 * changed since, although nothing of what they were is kept.
 */
export const etagOf = (members: Members): string => `"${Object.values(members).map(digest).join('.')}"`

const ONE = /^\s*(W\/)?("[!#-~\u0080-\u00ff]*")\s*(?:,|$)/

/** The ETags of `If-Match`, `*` for any. Weak ones are left out: they match nothing (RFC 9110, 13.1.1). Throws `malformed`. */
function etagsIn(header: string): readonly string[] | '*' {
  if (header.trim() === '*') return '*'
  const etags: string[] = []
  for (let rest = header; rest.trim() !== '';) {
    const found = ONE.exec(rest)
    if (found === null) {
      throw new Problem(
        'malformed',
        'If-Match must be an ETag as an answer gave it, quotes included, a list of them, or *.',
      )
    }
    if (found[1] === undefined) etags.push(found[2] as string)
    rest = rest.slice(found[0].length)
  }
  return etags
}

/** What the request's `If-Match` asks for; undefined where it asks for nothing. Throws `malformed`. */
export function preconditionOf<T>(request: FastifyRequest, membersOf: (current: T) => Members): Check<T> | undefined {
  const header = request.headers['if-match']
  if (header === undefined) return undefined
  const wanted = etagsIn(header)
  if (wanted === '*') return () => undefined
  return (current) => {
    const members = membersOf(current)
    const etag = etagOf(members)
    if (!wanted.includes(etag)) throw failed(wanted, members, etag)
  }
}

function failed(wanted: readonly string[], members: Members, etag: string): Problem {
  const seen = wanted.length === 1 ? (wanted[0] as string).slice(1, -1).split('.') : []
  const names = Object.keys(members)
  const now = etag.slice(1, -1).split('.')
  // One of another make (an older Pulse, another kind of thing) says nothing of members.
  const changed = seen.length === names.length ? names.filter((_, at) => seen[at] !== now[at]) : names
  const told = changed.filter((name) => name !== 'updated_at')
  return new Problem(
    'precondition_failed',
    `Somebody changed it since you looked${told.length === 0 ? '' : ` (${told.join(', ')})`}: get it again, look at what is there now, and send your change with its ETag.`,
    {
      errors: told.map((name) => ({
        pointer: `/${name}`,
        keyword: 'changed',
        message: `is now ${shown(members[name])}`,
      })),
      members: { etag, changed },
    },
  )
}

/** On one line: a definition is kept as it was written, over many. */
function shown(value: unknown): string {
  const isJson = typeof value === 'string' && /^[{[]/.test(value)
  const text = isJson ? value.replaceAll(/\s*\n\s*/g, ' ') : (JSON.stringify(value) ?? 'null')
  return text.length > 200 ? `${text.slice(0, 200)} …` : text
}
