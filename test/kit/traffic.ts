import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Place } from './api.ts'

/**
 * Load that keeps account of every answer. Events have ids of their own and are sent again, the same, until they have a verdict;
 * an answer that a client need not bear is a failure: anything but 202, or 503 with a `Retry-After`.
 */
export interface Traffic {
  /** Ids by tenant id. */
  readonly sent: ReadonlyMap<string, ReadonlySet<string>>
  readonly acknowledged: ReadonlyMap<string, ReadonlySet<string>>
  /** What should not have been answered, in words, with how often. */
  readonly failures: ReadonlyMap<string, number>
  /** 503 with `Retry-After`, by problem code. */
  readonly retried: ReadonlyMap<string, number>
  requests(): number
  /** Resolves when everything that was sent has a verdict. */
  stop(): Promise<void>
}

export const TRAFFIC_DEFINITION = {
  type: 'object',
  properties: {
    timestamp: { type: 'string', format: 'date-time' },
    at: { type: 'integer' },
    note: { type: 'string' },
  },
  required: ['timestamp', 'at'],
}

/** Sends to each place `perSecond` events in requests of `perRequest`, through `url`. */
export function openTraffic(
  url: () => string,
  places: readonly Place[],
  rate: { readonly perSecond: number; readonly perRequest: number; readonly patienceMs?: number },
): Traffic {
  const sent = new Map<string, Set<string>>(places.map(({ tenantId }) => [tenantId, new Set()]))
  const acknowledged = new Map<string, Set<string>>(places.map(({ tenantId }) => [tenantId, new Set()]))
  const failures = new Map<string, number>()
  const retried = new Map<string, number>()
  const count = (book: Map<string, number>, what: string): void => void book.set(what, (book.get(what) ?? 0) + 1)
  const stopping = new AbortController()
  let requests = 0
  let counter = 0

  async function attempt(place: Place, ids: readonly string[], body: string): Promise<boolean> {
    requests += 1
    const response = await fetch(`${url()}/v1/collect`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'x-tenant-id': place.tenantId },
      body,
      signal: AbortSignal.timeout(30_000),
    })
    const text = await response.text()
    if (response.status === 202) {
      const book = acknowledged.get(place.tenantId)
      for (const id of ids) book?.add(id)
      return true
    }
    const code = /"code":\s*"(\w+)"/.exec(text)?.[1] ?? 'no problem document'
    if (response.status === 503 && response.headers.get('retry-after') !== null) count(retried, code)
    else count(failures, `${response.status} ${code}: ${text.slice(0, 120).replaceAll('\n', ' ')}`)
    return false
  }

  async function deliver(place: Place): Promise<void> {
    const ids = Array.from({ length: rate.perRequest }, () => randomUUID())
    const book = sent.get(place.tenantId)
    const timestamp = new Date().toISOString()
    const body = ids
      .map((id) => {
        book?.add(id)
        counter += 1
        return JSON.stringify({ dataset: place.dataset, event_id: id, data: { timestamp, at: counter, note: 'x' } })
      })
      .join('\n')
    const givesUpAt = performance.now() + (rate.patienceMs ?? 60_000)
    for (let tries = 0; ; tries += 1) {
      const isTold = await attempt(place, ids, body).catch((error: Error) => {
        count(failures, `no answer: ${(error.cause as Error | undefined)?.message ?? error.message}`)
        return false
      })
      if (isTold) return
      if (performance.now() > givesUpAt) throw new Error(`Events of ${place.tenantSlug} had no verdict in time.`)
      await sleep(Math.min(50 * 2 ** tries, 1_000))
    }
  }

  const everyMs = (1_000 * rate.perRequest) / rate.perSecond
  async function run(place: Place, offset: number): Promise<void> {
    const waiting = new Set<Promise<void>>()
    let due = performance.now() + offset * everyMs
    let fault: unknown
    while (!stopping.signal.aborted && fault === undefined) {
      const pause = due - performance.now()
      if (pause > 0) await sleep(pause)
      due += everyMs
      // A tenant that gets no answers does not pile up requests without end.
      if (waiting.size >= 64) await Promise.race(waiting)
      const one = deliver(place)
        .catch((error: unknown) => void (fault ??= error))
        .finally(() => waiting.delete(one))
      waiting.add(one)
    }
    await Promise.all(waiting)
    if (fault !== undefined) throw fault
  }
  const running = Promise.all(places.map((place, at) => run(place, at / places.length)))
  running.catch(() => undefined) // whoever stops it hears of it
  return {
    sent,
    acknowledged,
    failures,
    retried,
    requests: () => requests,
    async stop() {
      stopping.abort()
      await running
    },
  }
}
