import { request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'

/** What kept the canary from doing something: one word for a search, one sentence for people. */
export class Hindrance extends Error {
  override readonly name = 'Hindrance'
  readonly code: string
  constructor(code: string, sentence: string, cause?: unknown) {
    super(sentence, { cause })
    this.code = code
  }
}

export interface Answer {
  readonly status: number
  /** The JSON of the answer; `{}` where it was none. */
  readonly body: Readonly<Record<string, unknown>>
}

/** The API's public door, and nothing else of Pulse. */
export interface Door {
  /** Rejects with `Hindrance` where no answer came: `unreachable`, `timeout`, `answer_too_large`. */
  ask(method: 'GET' | 'POST' | 'PATCH', path: string, given?: Asked): Promise<Answer>
}
interface Asked {
  readonly tenantId?: string | undefined
  readonly body?: unknown
  /** Lines of NDJSON instead of a body. */
  readonly lines?: readonly string[]
  readonly traceparent?: string | undefined
}

const TIMEOUT_MS = 15_000
const MOST_BYTES = 16 << 20

/**
 * The door at `base` (`http://host:port`). Made of Node's own client: global fetch would cost this small
 * process 7 MiB. `key` is asked at every call. A connection a call: calls are seconds apart, and a connection that was kept is one more thing to break.
 */
export function openDoor(base: string, timeoutMs = TIMEOUT_MS, key: () => string | undefined = () => undefined): Door {
  const url = new URL(base)
  const request = url.protocol === 'https:' ? secureRequest : plainRequest
  const root = url.pathname.replace(/\/$/, '')
  return {
    ask(method, path, given = {}) {
      const body = bodyOf(given)
      const headers: Record<string, string> = { accept: 'application/json', connection: 'close' }
      const shown = key()
      if (shown !== undefined) headers['authorization'] = `Bearer ${shown}`
      if (given.tenantId !== undefined) headers['x-tenant-id'] = given.tenantId
      if (given.traceparent !== undefined) headers['traceparent'] = given.traceparent
      if (body !== undefined) {
        headers['content-type'] = body.type
        headers['content-length'] = String(Buffer.byteLength(body.text))
      }
      const { promise, resolve, reject } = Promise.withResolvers<Answer>()
      const sent = request(
        {
          protocol: url.protocol,
          hostname: url.hostname.replace(/^\[|\]$/g, ''),
          port: url.port,
          path: root + path,
          method,
          headers,
          signal: AbortSignal.timeout(timeoutMs),
        },
        (response) => {
          const parts: Buffer[] = []
          let bytes = 0
          response.on('data', (part: Buffer) => {
            bytes += part.length
            if (bytes > MOST_BYTES)
              sent.destroy(new Hindrance('answer_too_large', `The API's answer to ${path} is too large.`))
            else parts.push(part)
          })
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: jsonOf(Buffer.concat(parts)) }))
          response.on('error', (error) => reject(hindranceOf(error, base, timeoutMs)))
        },
      )
      sent.on('error', (error) => reject(hindranceOf(error, base, timeoutMs)))
      sent.end(body?.text)
      return promise
    },
  }
}

function bodyOf({ body, lines }: Asked): { readonly type: string; readonly text: string } | undefined {
  if (lines !== undefined) return { type: 'application/x-ndjson', text: `${lines.join('\n')}\n` }
  return body === undefined ? undefined : { type: 'application/json', text: JSON.stringify(body) }
}

function jsonOf(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    const found: unknown = JSON.parse(bytes.toString('utf8'))
    return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function hindranceOf(error: Error, base: string, timeoutMs: number): Hindrance {
  if (error instanceof Hindrance) return error
  if (error.name === 'AbortError' || error.name === 'TimeoutError')
    return new Hindrance('timeout', `The API at ${base} did not answer within ${timeoutMs / 1000} s.`, error)
  return new Hindrance('unreachable', `The API at ${base} cannot be reached (${error.message}).`, error)
}

/** The answer's body where its status is one of `wanted`; rejects with the API's own code and sentence otherwise. */
export function expecting({ status, body }: Answer, ...wanted: readonly number[]): Readonly<Record<string, unknown>> {
  if (wanted.includes(status)) return body
  const code = typeof body['code'] === 'string' ? body['code'] : `status_${status}`
  const detail = typeof body['detail'] === 'string' ? body['detail'] : `The API answered ${status}.`
  throw new Hindrance(code, detail)
}
