import type { FastifyReply } from 'fastify'
import type { AuditRow } from '../audit/index.ts'
import type { Key } from '../keys/index.ts'
import { Problem } from '../problems/index.ts'
import type { Entity, SchemaFacts, Tenant } from '../registry/index.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

/** Sends JSON text as it is. */
export const sendText = (reply: FastifyReply, status: number, text: string): FastifyReply =>
  reply.code(status).header('content-type', JSON_TYPE).send(text)

/** What was found, or 404 with the sentence. */
export function found<T>(value: T | undefined, noun: string, id: string): T {
  if (value !== undefined) return value
  throw new Problem('not_found', `There is no ${noun} ${JSON.stringify(id.slice(0, 200))} here.`)
}

/**
 * JSON answers that carry some members as text, so that a definition comes back as it was sent: keys in
 * their order, numbers digit for digit.
 */
type Member = readonly [name: string, text: string] | undefined

const textOf = (value: unknown): string => JSON.stringify(value)

/** An object from members whose values are JSON text already; undefined members are left out. */
function objectText(members: readonly Member[]): string {
  let text = ''
  for (const member of members) {
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(member[0])}:${member[1]}`
  }
  return `{${text}}`
}

/** A page of items that are JSON text already. */
export const pageText = (items: readonly string[], nextCursor: string | null): string =>
  `{"items":[${items.join(',')}],"next_cursor":${JSON.stringify(nextCursor)}}`

export const tenantText = (tenant: Tenant): string =>
  objectText([
    ['id', textOf(tenant.id)],
    ['slug', textOf(tenant.slug)],
    ['name', textOf(tenant.name)],
    ['status', textOf(tenant.status)],
    ['metadata', tenant.metadata],
    tenant.limits === null ? undefined : ['limits', textOf(tenant.limits)],
    ['created_at', textOf(tenant.created_at)],
    ['updated_at', textOf(tenant.updated_at)],
  ])

/** A key; `limits` where it has some. */
export const keyText = ({ limits, ...key }: Key): string => textOf(limits === null ? key : { ...key, limits })

/** A change; `ofTenant`: with whose it is. */
export const auditText = (row: AuditRow, ofTenant?: string | null): string =>
  objectText([
    ['id', textOf(row.id)],
    ['at', textOf(row.at)],
    ['actor', textOf(row.actor)],
    ['action', textOf(row.action)],
    ['entity', textOf(row.entity)],
    ['entity_id', textOf(row.entity_id)],
    ['name', textOf(row.name)],
    ['before', row.before ?? 'null'],
    ['after', row.after ?? 'null'],
    ['trace_id', textOf(row.trace_id)],
    ofTenant === undefined ? undefined : ['tenant_id', textOf(ofTenant)],
  ])

/** `facts`: of a schema that was asked for by itself. */
export function entityText(entity: Entity, facts?: SchemaFacts): string {
  const { kind } = entity
  const hasClass = kind === 'schema' || kind === 'field_group'
  return objectText([
    ['id', textOf(entity.id)],
    ['uri', textOf(entity.uri)],
    ['title', textOf(entity.title)],
    ['status', textOf(entity.status)],
    ['definition', entity.definition],
    ['version', textOf(entity.version)],
    entity.supersedes === null ? undefined : ['supersedes', textOf(entity.supersedes)],
    hasClass ? ['class_uri', textOf(entity.class_uri)] : undefined,
    kind === 'schema' ? ['field_group_uris', textOf(entity.field_group_uris)] : undefined,
    kind === 'schema' ? ['composed', entity.composed ?? 'null'] : undefined,
    facts === undefined ? undefined : ['columns', textOf(facts.columns)],
    facts === undefined ? undefined : ['warnings', textOf(facts.warnings)],
    kind === 'descriptor' ? ['schema_uri', textOf(entity.schema_uri)] : undefined,
    kind === 'descriptor' ? ['kind', textOf(entity.descriptor_kind)] : undefined,
    kind === 'descriptor' ? ['pointer', textOf(entity.pointer)] : undefined,
    ['created_at', textOf(entity.created_at)],
    ['updated_at', textOf(entity.updated_at)],
    entity.published_at === null ? undefined : ['published_at', textOf(entity.published_at)],
  ])
}
