const text = { type: 'string' }

/** The headers of answers that mean something to whoever asked. `required`: they are on every answer that names them. A route names its own ETag. */
export const HEADERS = {
  'x-request-id': { description: 'Names the request in log lines.', required: true, schema: text },
  traceparent: {
    description: 'Where the request stands in its trace (W3C); its flag says whether it is kept.',
    required: true,
    schema: text,
  },
  'retry-after': {
    description: 'Seconds until it is worth another try.',
    required: true,
    schema: { type: 'integer', minimum: 1 },
  },
  'www-authenticate': { description: 'How to show a key, where one is asked for.', schema: text },
  location: { description: 'Where its progress is told.', required: true, schema: text },
  'ratelimit-policy': {
    description:
      'How much may be sent, `q` of its units `qu` in each `w` seconds, one item a limit; only where there is one (draft-ietf-httpapi-ratelimit-headers-10).',
    schema: text,
    example: '"key_events_per_second";q=100;w=1;qu="events"',
  },
  ratelimit: {
    description:
      'What is left of each limit, `r`, and in how many seconds, `t`, there is more; only where there is one.',
    schema: text,
    example: '"key_events_per_second";r=37;t=1',
  },
  'server-timing': {
    description: 'Milliseconds that it took to validate and to publish, where the trace of the request is kept.',
    schema: text,
    example: 'validate;dur=0.412, publish;dur=3.107',
  },
  'cache-control': { description: 'Never kept.', schema: text },
} as const

type Name = keyof typeof HEADERS

const BY_STATUS: Readonly<Record<string, readonly Name[]>> = {
  401: ['www-authenticate'],
  429: ['retry-after'],
  503: ['retry-after'],
}
const COLLECT = /^POST \/v1\/collect (?!401|403|500)/
const AT: readonly (readonly [where: RegExp, names: readonly Name[]])[] = [
  [COLLECT, ['ratelimit-policy', 'ratelimit', 'server-timing']],
  [/\/batch 202$/, ['location']],
  [/^GET \/metrics\/ 200$/, ['cache-control']],
]

/** The headers that an operation's answer of one status has, besides those that its route names. */
export function headersOf(operation: string, status: string): Record<string, object> {
  const where = `${operation} ${status}`
  const found = AT.flatMap(([pattern, names]) => (pattern.test(where) ? names : []))
  // A probe's 503 is a verdict and no problem: its next turn comes by itself.
  const isProbe = !operation.includes(' /v1/')
  const names: readonly Name[] = [
    'x-request-id',
    'traceparent',
    ...(isProbe ? [] : (BY_STATUS[status] ?? [])),
    ...found,
  ]
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}
