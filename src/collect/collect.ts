import { setImmediate } from 'node:timers/promises'

import type { PreparedHeaders, Publisher } from '../bus/index.ts'
import {
  canonicalUuid,
  isUuid,
  mintTraceparent,
  onOneLine,
  rawTopic,
  rfc3339Micros,
  systemClock,
  type Clock,
  type EventLimits,
  type Traceparent,
} from '../event/index.ts'
import { Problem } from '../problems/index.ts'
import { isSlug } from '../tenancy/index.ts'
import { answerOf, type CollectAnswer } from './answer.ts'
import { judgeDraft, readAt, unknownDataset, type CollectBinding, type Draft } from './examine.ts'
import { lookUp, type CollectBindings } from './lookup.ts'
import { publish, recordHeaders, type Outgoing, type Took } from './publish.ts'
import { mediaTypeOf, splitEvents, type Events } from './split.ts'
import { compareClocks, timestampOf } from './skew.ts'
import { tally, type Collected } from './tally.ts'
import { unpack } from './unpack.ts'
import { accepted, type Verdict } from './verdict.ts'

export interface CollectLimits extends EventLimits {
  /** Of the unpacked body. */
  readonly maxBodyBytes: number
  readonly maxEvents: number
  /** Bytes given to the bus and not acknowledged yet: beyond it requests are refused, before memory is. */
  readonly maxPendingBytes: number
}

interface CollectRequest {
  readonly tenantId: string
  readonly tenantSlug: string
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly idempotencyKey?: string | undefined
  /** As sent, still packed. */
  readonly body: Buffer
  /** Where the request stands in its trace. */
  readonly trace: Traceparent
  /** Publishing has failed: whether the trace is kept after all. */
  readonly keepFailed?: () => boolean
  /** What a request carries is known: events, and bytes unpacked. Throws or rejects where it is too much, before anything is looked at. */
  readonly charge?: ((events: number, bytes: number) => void | Promise<void>) | undefined
  /** Events are judged and none is published: `accepted` says that it would be. */
  readonly dryRun?: boolean
}

/** `collected` is for the request's log line, `took` for whoever wants to know where its time went, `verdicts` by place. */
export type Collect = (
  request: CollectRequest,
) => Promise<
  CollectAnswer & { readonly collected: Collected; readonly took: Took; readonly verdicts: readonly Verdict[] }
>

interface CollectPlaces {
  readonly bindings: CollectBindings
  readonly publisher: Publisher
  readonly limits: CollectLimits
  readonly clock?: Clock
  /** The bus does not know the tenant's topic: its events are `failed`, and whoever can make the topic is told. */
  readonly onTopicMissing?: (tenantId: string) => void
}

/** A large request gives way to others after this long. */
const TURN_MS = 8
/** Looked at every so many events. */
const TURN_EVENTS = 64

/** A request's events on the way through: verdicts by place, and what is to be published. */
interface Journey {
  readonly request: CollectRequest
  readonly body: Buffer
  readonly events: Events
  readonly receivedAt: string
  /** Where the records say they come from: the send span of a sampled request, else the request itself. */
  readonly sendSpan: Traceparent
  readonly verdicts: Verdict[]
  /** The slug of each event that could be read. */
  readonly slugs: (string | undefined)[]
  readonly outgoing: Outgoing[]
  readonly known: Map<string, { binding: CollectBinding; headers: PreparedHeaders }>
  /** When the first event says that it happened, where its schema takes it. */
  firstAt: string | undefined
}

/**
 * Steps 1 to 3 of an event's journey: accept, validate, publish. The answer has one verdict per event, in
 * order; `accepted` means acknowledged by the bus. Rejects with `Problem` for what concerns the request as
 * a whole (`malformed`, `too_large`, `unsupported_media_type`, `empty_events`, `invalid`,
 * `invalid_parameter`, `overloaded`, `dependency_away`); then nothing was published.
 */
export function openCollect({
  bindings,
  publisher,
  limits,
  clock = systemClock,
  onTopicMissing,
}: CollectPlaces): Collect {
  return async (request) => {
    if (publisher.pending.bytes > limits.maxPendingBytes) {
      throw new Problem('overloaded', 'The bus is slower than the events that arrive. Send it again a little later.', {
        retryAfterSeconds: 1,
        shed: 'producer_queue',
      })
    }
    const fromMs = clock.now()
    const idempotencyKey = keyOf(request.idempotencyKey)
    const mediaType = mediaTypeOf(request.contentType)
    const unpacked = unpack(request.body, request.contentEncoding, limits.maxBodyBytes)
    const body = unpacked instanceof Promise ? await unpacked : unpacked
    let events: Events
    try {
      events = splitEvents(body, mediaType, limits.maxEvents)
    } catch (error) {
      await request.charge?.(0, body.length)
      throw error
    }
    if (request.charge !== undefined) await request.charge(events.extents.length, body.length)
    const journey: Journey = {
      request,
      body,
      events,
      receivedAt: rfc3339Micros(fromMs),
      sendSpan: request.trace.sampled ? mintTraceparent(true, request.trace.traceId) : request.trace,
      verdicts: [],
      slugs: [],
      outgoing: [],
      known: new Map(),
      firstAt: undefined,
    }
    const missed = await examine(journey, idempotencyKey)
    if (missed.length > 0) await examineMissed(journey, missed)
    if (request.dryRun === true) return judgedOnly(journey)
    const { topicKnown, took } = await publish(publisher, journey, fromMs, clock)
    if (!topicKnown) onTopicMissing?.(request.tenantId)
    compareClocks(journey, fromMs)
    const collected = tally(journey)
    return Object.assign(answerOf(journey.verdicts, events.alone), { collected, took, verdicts: journey.verdicts })
  }

  /** Reads every event and judges those whose dataset is known at once. Answers the others. */
  async function examine(
    journey: Journey,
    idempotencyKey: string | undefined,
  ): Promise<{ at: number; draft: Draft }[]> {
    const { body, events, verdicts, slugs } = journey
    const missed: { at: number; draft: Draft }[] = []
    let since = performance.now()
    for (let at = 0; at < events.extents.length; at++) {
      if (at % TURN_EVENTS === TURN_EVENTS - 1 && performance.now() - since > TURN_MS) {
        await setImmediate()
        since = performance.now()
      }
      const draft = readAt(body, events, at, limits, idempotencyKey)
      if (!('kind' in draft)) {
        verdicts[at] = draft
        continue
      }
      const slug = draft.event.dataset
      const known = journey.known.get(slug) ?? learn(journey, slug, bindings.peek(journey.request.tenantId, slug))
      if (known === undefined) missed.push({ at, draft })
      else decide(journey, at, draft, known)
      slugs[at] = known?.binding.datasetSlug
    }
    return missed
  }

  async function examineMissed(journey: Journey, missed: readonly { at: number; draft: Draft }[]): Promise<void> {
    const slugs = [...new Set(missed.map(({ draft }) => draft.event.dataset))].filter(isSlug)
    const found = await lookUp(bindings, journey.request.tenantId, slugs)
    for (const { at, draft } of missed) {
      const slug = draft.event.dataset
      const known = journey.known.get(slug) ?? learn(journey, slug, found.get(slug))
      journey.slugs[at] = known?.binding.datasetSlug
      if (known === undefined) journey.verdicts[at] = unknownDataset(draft)
      else decide(journey, at, draft, known)
    }
    // Records leave in the order of the request, as far as one key's order can matter.
    journey.outgoing.sort((a, b) => a.at - b.at)
  }
}

/** The answer that the events would get from a bus that takes them all. Nothing is counted: nothing was sent. */
function judgedOnly({ verdicts, outgoing, events }: Journey): Awaited<ReturnType<Collect>> {
  for (const { at, eventId } of outgoing) verdicts[at] = accepted(eventId)
  const nothing = { collected: new Map(), took: { validateMs: 0, publishMs: 0 }, verdicts }
  return Object.assign(answerOf(verdicts, events.alone), nothing)
}

function learn(
  { known, sendSpan, receivedAt }: Journey,
  slug: string,
  binding: CollectBinding | undefined,
): { binding: CollectBinding; headers: PreparedHeaders } | undefined {
  if (binding === undefined) return undefined
  const { datasetId, schemaId } = binding
  const learnt = {
    binding,
    headers: recordHeaders({ datasetId, schemaId, receivedAt, traceparent: sendSpan.header }),
  }
  known.set(slug, learnt)
  return learnt
}

/** Judges one event: a verdict, or a record to publish. The record's value is the client's own bytes wherever they are one line. */
function decide(
  journey: Journey,
  at: number,
  draft: Draft,
  { binding, headers }: { binding: CollectBinding; headers: PreparedHeaders },
): void {
  const verdict = judgeDraft(draft, binding)
  if (verdict !== undefined) {
    journey.verdicts[at] = verdict
    return
  }
  const { start, end } = journey.events.extents[at] as { start: number; end: number }
  const { eventId, event } = draft
  if (at === 0) journey.firstAt = timestampOf(event.data)
  const value = event.multiline ? onOneLine(journey.body, start, end) : journey.body.subarray(start, end)
  const record = { topic: rawTopic(journey.request.tenantId), key: Buffer.from(eventId, 'latin1'), value, headers }
  journey.outgoing.push({ at, eventId, record })
}

function keyOf(given: string | undefined): string | undefined {
  if (given === undefined) return undefined
  if (!isUuid(given))
    throw new Problem(
      'invalid_parameter',
      'Idempotency-Key is a UUID in the form 8-4-4-4-12 hexadecimal digits. Send a new one with each new request.',
    )
  return canonicalUuid(given)
}
