import { OPERATE } from '../../keys/index.ts'
import { ANSWERS } from './examples.ts'
import { codesAt, isChanging } from './codes.ts'
import { HEADERS, headersOf } from './headers.ts'
import { OPERATION_IDS } from './names.ts'
import { PROBLEM_COMPONENTS, problemAnswer, problemExamples } from './problems.ts'
import { DESCRIPTIONS, PARAMETERS, TAGS } from './words.ts'

interface Media {
  schema?: Record<string, unknown>
  example?: unknown
  examples?: unknown
}
interface Answer {
  description?: string
  headers?: Record<string, unknown>
  content?: Record<string, Media>
}
interface Parameter {
  name: string
  description?: string
  schema?: { description?: string }
}
interface Operation {
  operationId?: string
  security?: readonly Readonly<Record<string, readonly string[]>>[]
  requestBody?: unknown
  summary?: string
  description?: string
  tags?: string[]
  parameters?: Parameter[]
  responses: Record<string, Answer>
}
interface Document {
  paths?: Record<string, Record<string, Operation>>
  tags?: unknown
  components?: { schemas?: Record<string, unknown>; examples?: unknown; headers?: unknown }
}

const PROBLEM_TYPE = 'application/problem+json'
const MADE = 'It was made.'
const DONE: Readonly<Record<string, string>> = { 200: 'It is so.', 201: MADE, 202: 'It was taken.' }

/**
 * Completes the document that the routes' schemas make: words and examples where a route has none, problem answers with
 * the codes that the operation can give, and the headers that every answer has. Changes and answers the document.
 */
export function wholeDocument<T>(openapi: T): T {
  const document = openapi as Document
  document.tags = TAGS
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, ...PROBLEM_COMPONENTS },
    examples: problemExamples(),
    headers: HEADERS,
  }
  for (const [path, operations] of Object.entries(document.paths ?? {}))
    for (const [method, operation] of Object.entries(operations)) complete(`${method.toUpperCase()} ${path}`, operation)
  return openapi
}

/** What every operation of the API may answer, whatever it does: a request that cannot be read, a caller who may not, and that we are at fault. */
const ALWAYS = [400, 401, 403, 500, 503]
/** What every operation that reads a body may answer besides. */
const OF_BODIES = [408, 413, 415]
/** And where something is changed that somebody else may be changing. */
const OF_CHANGES = [409]

function complete(name: string, operation: Operation): void {
  describe(name, operation)
  const always = [
    ...(name.includes(' /v1/') ? ALWAYS : []),
    ...(operation.requestBody === undefined ? [] : OF_BODIES),
    ...(isChanging(name) ? OF_CHANGES : []),
  ]
  for (const status of always) operation.responses[status] ??= { content: { [PROBLEM_TYPE]: {} } }
  for (const [status, answer] of Object.entries(operation.responses)) {
    const isProblem = answer.content?.[PROBLEM_TYPE] !== undefined
    if (isProblem && codesAt(name, Number(status)).length === 0) {
      delete operation.responses[status]
      continue
    }
    if (isProblem) Object.assign(answer, problemAnswer(name, Number(status)))
    else if (answer.description === 'Default Response') answer.description = DONE[status] ?? 'It is not so.'
    for (const media of Object.values(isProblem ? {} : (answer.content ?? {}))) exemplify(media, `${name} ${status}`)
    answer.headers = { ...headersOf(name, status), ...answer.headers }
  }
}

/** What it is called, does, asks for and takes. */
function describe(name: string, operation: Operation): void {
  const id = OPERATION_IDS[name]
  if (id !== undefined) operation.operationId = id
  operation.security ??= []
  const description = [operation.description ?? DESCRIPTIONS[name], ...scopeWords(operation.security)]
  operation.description = description.filter((sentence) => sentence !== undefined).join('\n\n')
  for (const parameter of operation.parameters ?? []) {
    const said = parameter.description ?? parameter.schema?.description ?? PARAMETERS[parameter.name]
    if (said !== undefined) parameter.description = said
  }
}

/** What a key has to be allowed, for those who read. */
function scopeWords(security: NonNullable<Operation['security']>): string[] {
  const asked = security.flatMap(({ key }) => key ?? [])
  const scopes = asked.filter((scope) => scope !== OPERATE).map((scope) => `\`${scope}\``)
  const ways = [
    ...(scopes.length === 0 ? [] : [`a key with the scope ${scopes.join(' or ')}`]),
    ...(asked.includes(OPERATE) ? ['the operator’s key'] : []),
  ]
  return ways.length === 0 ? [] : [`Asks for ${ways.join(', or ')}.`]
}

/** `examples` of a schema are the media's own; a table has those of routes that say none. */
function exemplify(media: Media, where: string): void {
  if (media.example !== undefined || media.examples !== undefined) return
  const { schema } = media
  const [first] = (schema?.['examples'] as unknown[] | undefined) ?? []
  const example = first ?? ANSWERS[where]
  if (example !== undefined) media.example = example
}
