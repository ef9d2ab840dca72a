import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * A client as SDKs are: it chooses the event ids, sends in batches, and sends again with the same
 * ids whatever has no verdict yet (a cut connection, a 503), until it is told or gives up.
 */
interface SentEvent {
  readonly id: string
  readonly data: Record<string, unknown>
}

export interface Client {
  /** Every event ever put on the wire, acknowledged or not. */
  readonly sent: Map<string, SentEvent>
  /** Ids that a 2xx (or a per-event verdict) called accepted. */
  readonly acknowledged: Set<string>
  readonly rejected: Set<string>
  /** Sends events until `stop` aborts; resolves when every event has a verdict or the patience is over. */
  run(stop: AbortSignal): Promise<void>
}

interface ClientOptions {
  readonly baseUrl: () => string
  readonly tenantId: string
  readonly dataset: string
  readonly perRequest: number
  readonly pauseMs: number
  readonly eventAt: (at: number) => Record<string, unknown>
  readonly patienceMs?: number
}

interface Verdict {
  readonly event_id: string
  readonly status: string
}

export function openClient(options: ClientOptions): Client {
  const sent = new Map<string, SentEvent>()
  const acknowledged = new Set<string>()
  const rejected = new Set<string>()
  let counter = 0

  async function attempt(events: readonly SentEvent[]): Promise<readonly Verdict[]> {
    const body = events
      .map((event) => JSON.stringify({ dataset: options.dataset, event_id: event.id, data: event.data }))
      .join('\n')
    const response = await fetch(`${options.baseUrl()}/v1/collect`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'x-tenant-id': options.tenantId },
      body,
      signal: AbortSignal.timeout(10_000),
    })
    const answer = (await response.json()) as { results?: readonly Verdict[] }
    if (answer.results === undefined) throw new Error(`no verdicts: ${response.status}`)
    return answer.results
  }

  async function deliver(events: readonly SentEvent[]): Promise<void> {
    let waiting = events
    const givesUpAt = Date.now() + (options.patienceMs ?? 120_000)
    for (let tries = 0; waiting.length > 0 && Date.now() < givesUpAt; tries += 1) {
      try {
        const verdicts = await attempt(waiting)
        for (const verdict of verdicts) {
          if (verdict.status === 'accepted') acknowledged.add(verdict.event_id)
          if (verdict.status === 'rejected') rejected.add(verdict.event_id)
        }
      } catch {
        // No answer says nothing about what happened: send again with the same ids.
      }
      waiting = waiting.filter((event) => !acknowledged.has(event.id) && !rejected.has(event.id))
      if (waiting.length > 0) await sleep(Math.min(50 * 2 ** Math.min(tries, 4), 500))
    }
    if (waiting.length > 0) throw new Error(`${waiting.length} events had no verdict in time.`)
  }

  return {
    sent,
    acknowledged,
    rejected,
    async run(stop) {
      while (!stop.aborted) {
        const events = Array.from({ length: options.perRequest }, () => {
          const event = { id: randomUUID(), data: options.eventAt(counter) }
          counter += 1
          sent.set(event.id, event)
          return event
        })
        await deliver(events)
        await sleep(options.pauseMs)
      }
    },
  }
}
