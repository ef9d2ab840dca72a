import { judgeFollowed, judgeSent } from './after.ts'
import { judgeBefore } from './before.ts'
import { finding, type Finding } from './faults.ts'
import { appendErrors, follow } from './follow.ts'
import { flushOf, journeyOf } from './journey.ts'
import { lookAround } from './look.ts'
import type { Machine } from './machine.ts'
import type { Places } from './places.ts'
import type { PostgresView } from './postgres.ts'
import type { Report } from './report.ts'
import { send, type Destination } from './send.ts'
import type { Followed, Sent } from './story.ts'

interface ExamineParts {
  readonly places: Places
  readonly machine: Machine
  readonly postgres: PostgresView | undefined
  /** From the event's acceptance to its row. */
  readonly timeoutMs: number
  /** What a worker is about to do it has this long for, before it counts as not done. Default 4 s. */
  readonly settleMs?: number
}

const stops = ({ step }: Finding): boolean => step !== 'beside'

/**
 * Looks around, sends one event where it can arrive, and follows it to the preview. What it leaves is one row of the
 * canary's dataset, which goes with the canary's own after a day; where it finds a fault first, nothing is sent. Never
 * rejects, and is over within `timeoutMs` and about a minute of looking.
 */
export async function examine(parts: ExamineParts): Promise<Report> {
  const { places, machine, postgres, timeoutMs, settleMs = 4_000 } = parts
  const { apiUrl, workerUrl, metricsUrl } = places
  const facts = await lookAround(places, machine, postgres, settleMs)
  const found = judgeBefore(facts)
  const told = (sent?: Sent, followed?: Followed): Report => reportOf(places, found, sent, followed)
  if (found.some(stops)) return told()
  if (facts.home?.kind !== 'found') {
    // `/ready` said nothing that can be read, or nobody could ask for the tenant: not this Pulse.
    found.unshift(finding('api_stranger', { place: apiUrl }))
    return told()
  }
  const { tenantId, dataset } = facts.home
  const destination: Destination = { apiUrl, tenantId, dataset, key: places.key }
  const isSeen = facts.partitions !== undefined && facts.partitions.length > 0
  const before = { partitions: facts.partitions ?? [], appendErrors: await appendErrors(metricsUrl) }
  const { sent, event } = await send(destination, machine)
  const refused = judgeSent(sent, apiUrl)
  if (refused !== undefined) {
    found.unshift(refused)
    return told(sent)
  }
  if (sent.validateMs === undefined) found.push(finding('untraced'))
  const followed = await follow(
    { destination, workerUrl: isSeen ? workerUrl : undefined, metricsUrl, postgres, before, timeoutMs },
    event,
    sent,
  )
  const wrong = judgeFollowed(followed)
  if (wrong === undefined) return told(sent, followed)
  // Something may have gone away meanwhile: that is the cause then, and this its effect.
  const cause = followed.rows > 0 ? undefined : judgeBefore(await lookAround(places, machine, postgres, 0)).find(stops)
  found.unshift(...(cause === undefined || cause.code === wrong.code ? [wrong] : [cause, wrong]))
  return told(sent, followed)
}

function reportOf(places: Places, found: readonly Finding[], sent?: Sent, followed?: Followed): Report {
  const first = found.find(stops)
  const flush = followed === undefined ? undefined : flushOf(followed)
  return {
    ok: first === undefined,
    apiUrl: places.apiUrl,
    workerUrl: places.workerUrl,
    traceId: sent?.traceId,
    eventId: sent?.eventId,
    flushId: flush?.flushId,
    snapshotId: flush?.snapshotId ?? followed?.snapshotId,
    totalMs: followed?.seenAfterMs,
    steps: journeyOf(sent, followed, first),
    first,
    further: found.filter((one) => one !== first),
  }
}
