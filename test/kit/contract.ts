import assert from 'node:assert/strict'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { fastFormats } from 'ajv-formats/dist/formats.js'
import { openServer } from '../../src/api/server.ts'

type Json = Record<string, unknown>

interface DocumentedAnswer {
  readonly content?: Readonly<Record<string, { readonly schema?: Json }>>
  readonly headers?: Readonly<Record<string, { readonly $ref?: string }>>
}
interface Operation {
  readonly responses: Readonly<Record<string, DocumentedAnswer>>
}
interface OpenApi {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly headers: Readonly<Record<string, { readonly required?: boolean }>> }
}

/** An answer as it came over the wire. */
interface Exchange {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly status: number
  readonly contentType: string | null
  readonly text: string
  readonly headers: Iterable<[string, string]>
}

let contract: Promise<Contract> | undefined

/**
 * Holds an answer of the API to what `/openapi.json` says of it: its status, its media type, its headers and every member. Rejects
 * where the document does not say so. The document is made here, from the routes, so that nobody is asked for it.
 */
export async function holdToContract(exchange: Exchange): Promise<void> {
  contract ??= documentOfRoutes().then(openContract)
  ;(await contract).hold(exchange)
}

/** The document of a server that nothing stands behind: routes are described before anything is asked of their places. */
export async function documentOfRoutes(): Promise<OpenApi> {
  const nothing: object = new Proxy(() => nothing, {
    get: (_target, name) => (name === 'then' || typeof name === 'symbol' ? undefined : nothing),
    apply: () => nothing,
  })
  const limits = new Proxy({}, { get: () => 1_000 })
  const places = new Proxy(
    { limits, book: undefined },
    { get: (known, name) => (name in known ? known[name as 'book'] : nothing) },
  )
  const { app } = await openServer(places as never)
  try {
    return structuredClone(app.swagger()) as unknown as OpenApi
  } finally {
    await app.close()
  }
}

interface Contract {
  hold(exchange: Exchange): void
}

const PROBLEM = 'application/problem+json'
/** What a server, or a proxy before it, says of itself, the connection and the body, whatever the API is. */
const OF_HTTP = new Set([
  'content-type',
  'content-length',
  'connection',
  'date',
  'keep-alive',
  'server',
  'transfer-encoding',
])
/** Documentation and its like, which the document does not describe. */
const UNDESCRIBED = /^\/(?:docs|openapi\.json|metrics$)/
/** What is answered before any route is found, or instead of one. */
const ROUTELESS = new Set(['not_found', 'method_not_allowed', 'malformed', 'draining', 'request_timeout', 'too_large'])

export function openContract({ paths, components }: OpenApi): Contract {
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { ...fastFormats } })
  const compiled = new Map<string, ValidateFunction>()
  const routes = Object.entries(paths)
    .map(([template, operations]) => ({
      template,
      operations,
      pattern: new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    }))
    .toSorted((a, b) => holes(a.template) - holes(b.template))

  const validatorOf = (key: string, schema: Json): ValidateFunction => {
    let validate = compiled.get(key)
    if (validate === undefined) compiled.set(key, (validate = ajv.compile({ ...closed(schema), components })))
    return validate
  }

  /** Answered and not documented, or documented as always there and not answered. */
  const oddHeaders = (
    documented: NonNullable<DocumentedAnswer['headers']>,
    answered: ReadonlySet<string>,
  ): string[] => [
    ...[...answered].filter((name) => !OF_HTTP.has(name) && documented[name] === undefined),
    ...Object.entries(documented)
      .filter(([name, { $ref }]) => ($ref === undefined || components.headers[name]?.required) && !answered.has(name))
      .map(([name]) => `no ${name}`),
  ]

  return {
    hold({ method, path, status, contentType, text, headers }) {
      const bare = path.split(/[?#]/, 1)[0] as string
      if (method === 'HEAD' || UNDESCRIBED.test(bare)) return
      const route = routes.find(({ pattern }) => pattern.test(bare))
      const operation = route?.operations[method.toLowerCase()]
      const type = (contentType ?? '').split(';', 1)[0] as string
      const what = `${method} ${route?.template ?? bare} answered ${status} ${type}, which /openapi.json does not say`
      if (operation === undefined) {
        const { code } = type === PROBLEM ? (JSON.parse(text) as Json) : {}
        assert.ok(ROUTELESS.has(code as string), `${what}: ${text.slice(0, 2_000)}`)
        return
      }
      const answer = operation.responses[String(status)]
      const media = answer?.content?.[type]
      assert.ok(media !== undefined, `${what}: ${text.slice(0, 2_000)}`)
      assert.deepEqual(oddHeaders(answer?.headers ?? {}, new Set(new Map(headers).keys())), [], what)
      if (!/[/+]json$/.test(type)) return
      const validate = validatorOf(`${method} ${route?.template} ${status} ${type}`, media.schema ?? {})
      assert.ok(
        validate(JSON.parse(text)),
        `${what}: ${JSON.stringify(validate.errors?.slice(0, 5))} ${text.slice(0, 2_000)}`,
      )
    },
  }
}

const holes = (template: string): number => template.split('{').length

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The schema with every object that names its members held to them: what is not documented is not answered. */
export function closed(schema: Json): Json {
  const within = Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (keyword === 'properties' && isObject(value))
        return [keyword, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, closed(one as Json)]))]
      if (keyword === 'allOf')
        return [
          keyword,
          (value as Json[]).map((part) => {
            const { unevaluatedProperties: _, ...rest } = closed(part)
            return rest
          }),
        ]
      if (['items', 'additionalProperties'].includes(keyword) && isObject(value)) return [keyword, closed(value)]
      if (['anyOf', 'oneOf'].includes(keyword)) return [keyword, (value as Json[]).map(closed)]
      return [keyword, value]
    }),
  )
  return ('properties' in schema || 'allOf' in schema) && !('additionalProperties' in schema)
    ? { ...within, unevaluatedProperties: false }
    : within
}
