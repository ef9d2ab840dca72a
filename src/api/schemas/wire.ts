import { Type, type TObject, type TSchema } from 'typebox'

/** JSON Schemas that several routes share. Routes validate with them, and `/openapi.json` shows them. */

/** No NUL: Postgres text cannot hold one. Half surrogate pairs are refused when the body is read. */
export const NO_NUL = '^[^\\u0000]*$'

export const Slug = Type.String({
  pattern: '^[a-z][a-z0-9_-]{0,62}$',
  description: 'A lower-case letter, then up to 62 of a-z, 0-9, _ and -.',
  examples: ['page-views'],
})
export const Name = Type.String({ minLength: 1, maxLength: 200, pattern: NO_NUL })
export const Uri = Type.String({
  minLength: 3,
  maxLength: 500,
  pattern: '^[A-Za-z][A-Za-z0-9+.\\-]*:[^\\s\\u0000-\\u001f<>"{}|\\\\^`]+$',
  description: 'An absolute URI, without spaces.',
  examples: ['https://example.com/schemas/page-view'],
})
export const Id = Type.String({ format: 'uuid', description: 'A UUIDv7.' })
export const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC, microseconds.' })
export const Definition = Type.Object(
  {},
  {
    additionalProperties: true,
    description:
      'A JSON Schema, draft 2020-12. $class and $fieldGroups compose by URI; a $ref names a datatype by its URI.',
  },
)
export const Metadata = Type.Object(
  {},
  { additionalProperties: true, description: 'Anything of yours, up to 16 KiB of JSON.' },
)

export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** An object that refuses what it does not name. */
export const closed = <T extends Parameters<typeof Type.Object>[0]>(properties: T, options: object = {}): TObject<T> =>
  Type.Object(properties, { additionalProperties: false, ...options })

const Limit = Type.Integer({ minimum: 1, maximum: 200, default: 50 })
const Cursor = Type.String({ minLength: 1, maxLength: 200, description: 'The next_cursor of the page before.' })
/** A text that a list is filtered by. */
export const FILTER = { maxLength: 500, pattern: NO_NUL } as const
export const PAGE_QUERY = { limit: Type.Optional(Limit), cursor: Type.Optional(Cursor) }

export const pageOf = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), next_cursor: nullable(Type.String()) })

/** The statuses that a route refuses with besides those that all do; the document says what each is (../document/problems.ts). */
export const problems = (...statuses: number[]): Record<string, object> =>
  Object.fromEntries(statuses.map((status) => [status, { content: { 'application/problem+json': { schema: {} } } }]))
