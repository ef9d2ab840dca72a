import { setTimeout as sleep } from 'node:timers/promises'
import { RECORD_HEADERS, rawTopic, uuidv7 } from '../src/event/index.ts'
import type { Publisher } from '../src/bus/index.ts'
import type { Chance } from '../test/kit/seed.ts'

/** What the clients of one run have done: the one side of the account. */
export interface Sent {
  /** Every id that was ever put on the wire, with the dataset that it was for. */
  readonly ids: Map<string, string>
  /** Those that somebody was told are accepted: each has to be one row or at least one dead letter. */
  readonly acknowledged: Set<string>
  /** Requests that the client itself cut off in their middle. */
  cut: number
  requests: number
  /** Answers that nobody should give to a right request. */
  readonly wrong: string[]
}

interface Target {
  readonly baseUrl: string
  readonly tenantId: string
  /** Slugs and ids of datasets. */
  readonly datasets: readonly { readonly slug: string; readonly id: string }[]
  /** Straight to the bus, past the API: what a producer of its own may write there. */
  readonly publisher: Publisher
}

const AT_ONCE = 4
const PATIENCE_MS = 120_000

/**
 * Sends as SDKs do until `stop`: in batches, again with the same ids until there is a verdict, sometimes the same ids once more, and
 * sometimes with the connection cut in the middle of the request. Resolves once everything sent has a verdict.
 */
export async function send(target: Target, luck: Chance, sent: Sent, stop: AbortSignal): Promise<void> {
  const known: { id: string; dataset: string }[] = []

  async function request(events: readonly { id: string; dataset: string }[]): Promise<ReadonlySet<string>> {
    sent.requests += 1
    const cutting = luck.next() < 0.08
    if (cutting) sent.cut += 1
    const response = await fetch(`${target.baseUrl}/v1/collect`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'x-tenant-id': target.tenantId },
      body: events
        .map(({ id, dataset }) =>
          JSON.stringify({ dataset, event_id: id, data: { timestamp: new Date().toISOString(), n: id.length } }),
        )
        .join('\n'),
      signal: AbortSignal.timeout(cutting ? luck.between(1, 30) : 10_000),
    })
    const text = await response.text()
    if (response.status >= 400 && response.status < 500) sent.wrong.push(`${response.status} ${text.slice(0, 200)}`)
    const { results = [] } = JSON.parse(text) as { results?: { event_id: string; status: string; code?: string }[] }
    for (const one of results) if (one.status === 'rejected') sent.wrong.push(JSON.stringify(one).slice(0, 200))
    return new Set(results.filter(({ status }) => status === 'accepted').map((one) => one.event_id))
  }

  async function deliver(events: readonly { id: string; dataset: string }[]): Promise<void> {
    let waiting = events
    const givesUpAt = performance.now() + PATIENCE_MS
    for (let tries = 0; waiting.length > 0 && sent.wrong.length === 0; tries += 1) {
      const accepted = await request(waiting).catch(() => new Set<string>())
      for (const id of accepted) sent.acknowledged.add(id)
      waiting = waiting.filter(({ id }) => !accepted.has(id))
      if (waiting.length === 0) return
      if (performance.now() > givesUpAt) return void sent.wrong.push(`no verdict for ${PATIENCE_MS / 1_000} s`)
      await sleep(Math.min(20 * 2 ** Math.min(tries, 5), 500))
    }
  }

  /** Records that can only become dead letters, and ids that the API's clients use, too. */
  async function publish(): Promise<void> {
    const dataset = luck.pick(target.datasets)
    const id = uuidv7()
    sent.ids.set(id, dataset.slug)
    const kind = luck.next()
    const value =
      kind < 0.5
        ? { dataset: dataset.slug, event_id: id, data: { timestamp: new Date().toISOString(), n: 'no number' } }
        : { dataset: dataset.slug, event_id: id, data: { timestamp: new Date().toISOString(), n: 36 } }
    const header = (name: string, text: string): [Buffer, Buffer] => [Buffer.from(name), Buffer.from(text)]
    const record = {
      topic: rawTopic(target.tenantId),
      key: Buffer.from(id),
      value: Buffer.from(JSON.stringify(value)),
      headers: {
        entries: [
          header(RECORD_HEADERS.dataset, dataset.id),
          header(RECORD_HEADERS.receivedAt, new Date().toISOString()),
        ],
      },
    }
    for (let tries = 0; tries < 3 && !stop.aborted; tries += 1) {
      const [verdict] = await target.publisher.publish([record])
      if (verdict === null) return void sent.acknowledged.add(id)
      await sleep(200)
    }
  }

  async function client(): Promise<void> {
    while (!stop.aborted && sent.wrong.length === 0) {
      const events = Array.from({ length: luck.between(1, 20) }, () => {
        if (known.length > 0 && luck.next() < 0.1) return luck.pick(known)
        const event = { id: uuidv7(), dataset: luck.pick(target.datasets).slug }
        sent.ids.set(event.id, event.dataset)
        known.push(event)
        return event
      })
      await deliver([...new Map(events.map((event) => [event.id, event])).values()])
      await sleep(luck.between(5, 60))
    }
  }
  async function producer(): Promise<void> {
    while (!stop.aborted) {
      await publish()
      await sleep(luck.between(50, 300))
    }
  }
  await Promise.all([...Array.from({ length: AT_ONCE }, client), producer()])
}
