import { QUERIES, type QueryName } from '../catalog/process.ts'
import type { FlushStep } from '../announce.ts'

/** Spans name the topic's template, so that names stay few; the real topic is an attribute. */
export const TOPIC_TEMPLATE = 'pulse.{tenant}.events.raw'

const HTTP_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const
type HttpMethod = (typeof HTTP_METHODS)[number] | 'HTTP'

const STEPS = {
  dedup: 'dedup',
  open_table: 'open table',
  intent: 'open intent',
  encode: 'encode parquet',
  stage: 'stage snapshot',
  commit: 'commit table',
} as const satisfies Record<FlushStep['name'], string>

const OBJECTS = { put: 'put object', get: 'get object', list: 'list objects', delete: 'delete object' } as const
type ObjectOperation = keyof typeof OBJECTS

/** Every span that is not a request: a request is called by its method and its route's template. */
export const SPAN_NAMES = [
  'validate events',
  `send ${TOPIC_TEMPLATE}`,
  `process ${TOPIC_TEMPLATE}`,
  'buffer',
  'append',
  'flush dataset',
  ...Object.values(STEPS),
  ...Object.values(OBJECTS),
  ...QUERIES.map(queryName),
  'plan preview',
  'fetch preview',
  'decode preview',
  'canary round',
] as const

export type SpanName = (typeof SPAN_NAMES)[number] | `${HttpMethod} ${string}` | HttpMethod

/** `POST /v1/collect`; the method alone where no route matched, and `HTTP` for a method that nobody knows. */
export function requestName(method: string, route: string | undefined): SpanName {
  const known: HttpMethod = HTTP_METHODS.find((one) => one === method) ?? 'HTTP'
  return route === undefined ? known : `${known} ${route}`
}

/** The name of a flush's step. */
export const stepName = (step: FlushStep['name']): SpanName => STEPS[step]

/** The name of a call to the object store. */
export const objectName = (operation: ObjectOperation): SpanName => OBJECTS[operation]

/** The name of a transaction: what it is for, never its text. */
export function queryName<Q extends QueryName>(query: Q): `postgres ${Q}` {
  return `postgres ${query}`
}
