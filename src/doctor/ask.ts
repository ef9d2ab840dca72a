/** What somebody at an address did with a request. */
export type Heard =
  | { readonly kind: 'answered'; readonly answer: HeardAnswer }
  /** Nobody listens. */
  | { readonly kind: 'refused'; readonly detail: string }
  /** The connection was taken and nothing came in time, or it broke. */
  | { readonly kind: 'silent'; readonly detail: string }

interface HeardAnswer {
  readonly status: number
  readonly text: string
  /** Undefined where the text is no JSON. */
  readonly json: unknown
  readonly headers: Headers
  /** From the request to the last byte. */
  readonly tookMs: number
}

interface Question {
  readonly method?: 'GET' | 'POST' | 'PATCH'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly timeoutMs?: number
}

/** One look takes this long at most. */
const LOOK_MS = 2_000
const MOST_BYTES = 16 << 20
/** Errors of a connection that was never there. */
const NOBODY: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'])

/** What names the tenant, and who asks. */
export const actingFor = (tenantId: string, key: string | undefined): Readonly<Record<string, string>> => ({
  'x-tenant-id': tenantId,
  ...(key !== undefined && { authorization: `Bearer ${key}` }),
})

/** Asks `url` once, within 2 s or `timeoutMs`. Never rejects. */
export async function ask(url: string, question: Question = {}): Promise<Heard> {
  const { timeoutMs = LOOK_MS, method = 'GET', headers = {}, body } = question
  const began = performance.now()
  try {
    const response = await fetch(url, {
      method,
      headers: { ...headers, connection: 'close' },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await bounded(response)
    const { status, headers: heard } = response
    return {
      kind: 'answered',
      answer: { status, text, json: jsonOf(text), headers: heard, tookMs: performance.now() - began },
    }
  } catch (error) {
    return unanswered(error, timeoutMs)
  }
}

/** The body, if it is of a size that anything of Pulse may have: who else answers may never end. */
async function bounded(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += part.length
    if (bytes > MOST_BYTES) throw new Error(`an answer of more than ${MOST_BYTES >> 20} MiB`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function unanswered(error: unknown, timeoutMs: number): Heard {
  const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } }
  if (name === 'TimeoutError') return { kind: 'silent', detail: `nothing within ${timeoutMs / 1000} s` }
  const code = cause?.code ?? ''
  return { kind: NOBODY.has(code) ? 'refused' : 'silent', detail: code === '' ? (cause?.message ?? message) : code }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** A member of what may be anything. */
export const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined

/** The same where it is text. */
export function textOf(value: unknown, name: string): string | undefined {
  const found = memberOf(value, name)
  return typeof found === 'string' ? found : undefined
}
