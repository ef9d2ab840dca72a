import { request as plainRequest, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { Readable } from 'node:stream'

/** No answer came: one word for a search, one sentence for people. `cause` has the connection's own error. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
  /** `unreachable`: no connection, or one that broke; `timeout`: nothing in time; `answer_too_large`: more than was allowed. */
  readonly code: 'unreachable' | 'timeout' | 'answer_too_large'
  constructor(code: Unanswered['code'], sentence: string, cause?: unknown) {
    super(sentence, { cause })
    this.code = code
  }
}

/** What the API answered, whatever the status. */
export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Undefined where the text is no JSON. */
  readonly json: unknown
}

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE' | 'HEAD'

export interface Question {
  /** Sent as `X-Tenant-ID`. */
  readonly tenantId?: string | undefined
  /** Made into JSON; `content` instead of it is sent as it is. */
  readonly body?: unknown
  readonly content?: { readonly type: string; readonly data: string | Uint8Array | Readable } | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Instead of the client's. */
  readonly timeoutMs?: number | undefined
}

/** A client of the public door, and of nothing else of Pulse. */
export interface Http {
  readonly base: string
  /** Asks once. Rejects with `Unanswered`, and with a streamed body's own error where its source breaks. */
  ask(method: Method, path: string, question?: Question): Promise<Answered>
}

interface HttpOptions {
  /** `http://host:port`, with a path where the API is behind one. */
  readonly base: string
  /** Asked at every call: a key that was changed counts at once. */
  readonly key?: () => string | undefined
  /** From the request to the last byte; of a streamed body, without anything moving. */
  readonly timeoutMs?: number
  readonly mostBytes?: number
}

const TIMEOUT_MS = 30_000
const MOST_BYTES = 16 << 20

/**
 * Made of Node's own client: global fetch costs a small process 7 MiB. A connection a call: one that was kept is one more
 * thing to break.
 */
export function openHttp({ base, key, timeoutMs = TIMEOUT_MS, mostBytes = MOST_BYTES }: HttpOptions): Http {
  const url = new URL(base)
  const request = url.protocol === 'https:' ? secureRequest : plainRequest
  const root = url.pathname.replace(/\/$/, '')
  return {
    base,
    async ask(method, path, question = {}) {
      const content =
        question.content ??
        (question.body === undefined ? undefined : { type: 'application/json', data: JSON.stringify(question.body) })
      const within = question.timeoutMs ?? timeoutMs
      const stream = streamOf(content)
      const sent = request({
        protocol: url.protocol,
        hostname: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port,
        path: root + path,
        method,
        agent: false, // the global one keeps a connection that the answer did not close, whatever the question said
        headers: headersOf(question, key?.(), content),
      })
      let isLate = false
      const late = (): void => {
        isLate = true
        sent.destroy()
      }
      const bound = stream === undefined ? setTimeout(late, within) : undefined
      let broken: Error | undefined
      stream?.once('error', (error: Error) => {
        broken = error
        sent.destroy()
      })
      try {
        const answer = answerOf(sent)
        if (stream === undefined) sent.end(content?.data)
        else stream.pipe(sent.setTimeout(within, late))
        return await readAnswer(await answer, { method, path, mostBytes })
      } catch (error) {
        if (broken !== undefined) throw broken
        if (isLate)
          throw new Unanswered('timeout', `The API at ${base} did not answer within ${within / 1000} s.`, error)
        if (error instanceof Unanswered) throw error
        throw new Unanswered('unreachable', `The API at ${base} cannot be reached (${reasonOf(error)}).`, error)
      } finally {
        clearTimeout(bound)
        sent.destroy() // of an answer that came early (401, 413) the rest of the body is not sent
        stream?.destroy()
      }
    },
  }
}

/** The body where it is streamed. */
const streamOf = (content: Question['content']): Readable | undefined =>
  content === undefined || typeof content.data === 'string' || ArrayBuffer.isView(content.data)
    ? undefined
    : content.data

function headersOf(
  { tenantId, headers = {} }: Question,
  key: string | undefined,
  content: Question['content'],
): Record<string, string> {
  const all: Record<string, string> = { accept: 'application/json', connection: 'close' }
  if (key !== undefined) all['authorization'] = `Bearer ${key}`
  if (tenantId !== undefined) all['x-tenant-id'] = tenantId
  if (content !== undefined) {
    all['content-type'] = content.type
    if (typeof content.data === 'string' || ArrayBuffer.isView(content.data))
      all['content-length'] = String(Buffer.byteLength(content.data))
  }
  return { ...all, ...headers }
}

const answerOf = (sent: ClientRequest): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    sent.once('response', resolve)
    sent.on('error', reject)
  })

async function readAnswer(
  response: IncomingMessage,
  { method, path, mostBytes }: { readonly method: string; readonly path: string; readonly mostBytes: number },
): Promise<Answered> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > mostBytes)
      throw new Unanswered('answer_too_large', `The answer to ${method} ${path} is more than ${mostBytes >> 20} MiB.`)
    parts.push(part)
  }
  const text = Buffer.concat(parts).toString('utf8')
  return { status: response.statusCode ?? 0, headers: response.headers, text, json: jsonOf(text) }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** Several addresses of one name fail together, each with its own reason. */
function reasonOf(error: unknown): string {
  const { message, code, errors } = error as Error & { code?: string; errors?: readonly Error[] }
  return message || errors?.[0]?.message || code || 'no reason given'
}
