/** A few words of HTTP for the demo: the public API and nothing else. */
export interface Client {
  get<T>(path: string): Promise<Answer<T>>
  post<T>(path: string, body: unknown): Promise<Answer<T>>
  patch<T>(path: string, body: unknown): Promise<Answer<T>>
  /** Sends text of another media type. */
  send<T>(path: string, contentType: string, body: string): Promise<Answer<T>>
}

interface Answer<T> {
  readonly status: number
  readonly body: T
}

/** What the API answered when the demo had no plan for it; the message is the API's own sentence. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** Nobody answers at that address. */
export class NobodyThere extends Error {
  override readonly name = 'NobodyThere'
}

const TIMEOUT_MS = 30_000

/** `tenantId` is sent as `X-Tenant-ID` with every call, `key` is shown. Calls reject with `NobodyThere` when no connection is made. */
export function openClient(base: string, tenantId?: string, key?: string): Client {
  const call = async <T>(method: string, path: string, contentType?: string, body?: string): Promise<Answer<T>> => {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (contentType !== undefined) headers['content-type'] = contentType
    if (key !== undefined) headers['authorization'] = `Bearer ${key}`
    if (tenantId !== undefined) headers['x-tenant-id'] = tenantId
    const response = await fetch(base + path, {
      method,
      headers,
      body: body ?? null,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: unknown) => {
      throw new NobodyThere(`${method} ${base}${path} got no answer`, { cause: error })
    })
    return { status: response.status, body: (await response.json().catch(() => ({}))) as T }
  }
  const json = 'application/json'
  return {
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, json, JSON.stringify(body)),
    patch: (path, body) => call('PATCH', path, json, JSON.stringify(body)),
    send: (path, contentType, body) => call('POST', path, contentType, body),
  }
}

/** The answer's body where its status is one of `wanted`; throws `Refused` with the problem's sentence otherwise. */
export function expecting<T>({ status, body }: Answer<T>, ...wanted: readonly number[]): T {
  if (wanted.includes(status)) return body
  const problem = body as { code?: string; detail?: string; errors?: { pointer: string; message: string }[] }
  const faults = (problem.errors ?? []).slice(0, 3).map((fault) => `${fault.pointer} ${fault.message}`)
  throw new Refused([`${status} ${problem.code ?? ''}: ${problem.detail ?? 'no detail'}`, ...faults].join('\n  '))
}
