import { openHttp, Unanswered } from '../client/index.ts'

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

/** The door at `base` (`http://host:port`). `key` is asked at every call. */
export function openDoor(base: string, timeoutMs = TIMEOUT_MS, key: () => string | undefined = () => undefined): Door {
  const http = openHttp({ base, timeoutMs, key })
  return {
    async ask(method, path, { tenantId, body, lines, traceparent } = {}) {
      const headers = traceparent === undefined ? {} : { traceparent }
      const content = lines === undefined ? undefined : { type: 'application/x-ndjson', data: `${lines.join('\n')}\n` }
      const { status, json } = await http.ask(method, path, { tenantId, body, content, headers }).catch(hinder)
      return { status, body: typeof json === 'object' && json !== null ? (json as Answer['body']) : {} }
    },
  }
}

function hinder(error: unknown): never {
  throw error instanceof Unanswered ? new Hindrance(error.code, error.message, error.cause) : error
}

/** The answer's body where its status is one of `wanted`; rejects with the API's own code and sentence otherwise. */
export function expecting({ status, body }: Answer, ...wanted: readonly number[]): Readonly<Record<string, unknown>> {
  if (wanted.includes(status)) return body
  const code = typeof body['code'] === 'string' ? body['code'] : `status_${status}`
  const detail = typeof body['detail'] === 'string' ? body['detail'] : `The API answered ${status}.`
  throw new Hindrance(code, detail)
}
