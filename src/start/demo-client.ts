import { openHttp } from '../client/index.ts'

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

/** `tenantId` is sent as `X-Tenant-ID` with every call, `key` is shown. Calls reject with `Unanswered`. */
export function openClient(base: string, tenantId?: string, key?: string): Client {
  const http = openHttp({ base, key: () => key })
  const call = async <T>(...[method, path, question]: Parameters<typeof http.ask>): Promise<Answer<T>> => {
    const { status, json } = await http.ask(method, path, { ...question, tenantId })
    return { status, body: (json ?? {}) as T }
  }
  return {
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, { body }),
    patch: (path, body) => call('PATCH', path, { body }),
    send: (path, type, data) => call('POST', path, { content: { type, data } }),
  }
}

/** The answer's body where its status is one of `wanted`; throws `Refused` with the problem's sentence otherwise. */
export function expecting<T>({ status, body }: Answer<T>, ...wanted: readonly number[]): T {
  if (wanted.includes(status)) return body
  const problem = body as { code?: string; detail?: string; errors?: { pointer: string; message: string }[] }
  const faults = (problem.errors ?? []).slice(0, 3).map((fault) => `${fault.pointer} ${fault.message}`)
  throw new Refused([`${status} ${problem.code ?? ''}: ${problem.detail ?? 'no detail'}`, ...faults].join('\n  '))
}
