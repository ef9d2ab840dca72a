import { randomUUID } from 'node:crypto'
import { eventAt, type CanaryEvent } from '../canary/index.ts'
import { mintTraceparent, parseTraceparent } from '../event/index.ts'
import { actingFor, ask, type Heard } from './ask.ts'
import type { Machine } from './machine.ts'
import type { Sent } from './story.ts'

const TIMEOUT_MS = 15_000

/** Where the event goes. */
export interface Destination {
  readonly apiUrl: string
  readonly tenantId: string
  readonly dataset: string
  readonly key: string | undefined
}

/**
 * Sends one event of the canary's kind, whose id and values follow from nothing that was sent before, in a trace that
 * is asked to be kept. Never rejects.
 */
export async function send(
  { apiUrl, tenantId, dataset, key }: Destination,
  machine: Machine,
): Promise<{ readonly sent: Sent; readonly event: CanaryEvent }> {
  const startedAtMs = machine.now()
  const event = eventAt({ seed: `doctor/${randomUUID()}`, round: 0, position: 1, startedAtMs }, dataset)
  const { traceId, header } = mintTraceparent(true)
  const heard = await ask(`${apiUrl}/v1/collect`, {
    method: 'POST',
    headers: { ...actingFor(tenantId, key), 'content-type': 'application/x-ndjson', traceparent: header },
    body: `${event.line}\n`,
    timeoutMs: TIMEOUT_MS,
  })
  const kept = keptTrace(heard)
  const timing = headerOf(heard, 'server-timing') ?? ''
  return {
    event,
    sent: {
      eventId: event.id,
      // What the API did not obey it answers with a trace of its own.
      traceId: kept ?? traceId,
      startedAtMs,
      heard,
      validateMs: durationOf(timing, 'validate'),
      publishMs: durationOf(timing, 'publish'),
    },
  }
}

function keptTrace(heard: Heard): string | undefined {
  return parseTraceparent(headerOf(heard, 'traceparent'))?.traceId
}

function headerOf(heard: Heard, name: string): string | undefined {
  const value = heard.kind === 'answered' ? heard.answer.headers[name] : undefined
  return typeof value === 'string' ? value : undefined
}

function durationOf(timing: string, name: string): number | undefined {
  const found = new RegExp(`(?:^|, ?)${name};dur=([0-9.]+)`).exec(timing)?.[1]
  return found === undefined ? undefined : Number(found)
}
