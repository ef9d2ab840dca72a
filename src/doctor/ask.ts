import { openHttp, Unanswered, type Answered } from '../client/index.ts'

/** What somebody at an address did with a request. */
export type Heard =
  | { readonly kind: 'answered'; readonly answer: HeardAnswer }
  /** Nobody listens. */
  | { readonly kind: 'refused'; readonly detail: string }
  /** The connection was taken and nothing came in time, or it broke. */
  | { readonly kind: 'silent'; readonly detail: string }

interface HeardAnswer extends Answered {
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
  const { 'content-type': type = 'application/json', ...others } = headers
  const { origin, pathname, search } = new URL(url)
  const began = performance.now()
  try {
    const content = body === undefined ? undefined : { type, data: body }
    const asked = { headers: { accept: '*/*', ...others }, content, timeoutMs }
    const answer = await openHttp({ base: origin }).ask(method, pathname + search, asked)
    return { kind: 'answered', answer: { ...answer, tookMs: performance.now() - began } }
  } catch (error) {
    return unanswered(error as Error, timeoutMs)
  }
}

function unanswered(error: Error, timeoutMs: number): Heard {
  if (!(error instanceof Unanswered) || error.code === 'answer_too_large')
    return { kind: 'silent', detail: error.message }
  if (error.code === 'timeout') return { kind: 'silent', detail: `nothing within ${timeoutMs / 1000} s` }
  const { code, message } = error.cause as NodeJS.ErrnoException
  return { kind: NOBODY.has(code ?? '') ? 'refused' : 'silent', detail: code ?? message }
}

/** A member of what may be anything. */
export const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined

/** The same where it is text. */
export function textOf(value: unknown, name: string): string | undefined {
  const found = memberOf(value, name)
  return typeof found === 'string' ? found : undefined
}
