import type { Buffer } from 'node:buffer'
import { CODE } from '../../wire/codes.ts'
import type { WireWriter } from '../../wire/writer.ts'
import type { Engine } from '../engine.ts'
import {
  dropWant,
  endView,
  newView,
  nextEpoch,
  putWant,
  wantKey,
  type Session,
  type View,
  type Want,
} from '../fetch-session.ts'
import type { ReadPlan } from '../read.ts'
import type { Partition } from '../topics.ts'
import type { Answer, Call } from './call.ts'

interface Asked {
  readonly topicId: string
  readonly topicName: string
  readonly index: number
  readonly fetchOffset: number
  readonly maxBytes: number
}

interface Request {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly sessionId: number
  readonly epoch: number
  readonly asked: readonly Asked[]
  readonly forgotten: readonly { readonly topic: string; readonly index: number }[]
}

/** What one partition is answered. */
interface Part {
  readonly want: Want
  readonly code: number
  readonly highWatermark: number
  readonly logStart: number
  readonly plan: ReadPlan
}

const NIL = '00000000-0000-0000-0000-000000000000'
const NOTHING: ReadPlan = { pieces: [], bytes: 0 }

/** Fetch, versions 4 to 17: by topic id from 13 on, long polling, incremental sessions (KIP-227). */
export async function fetch(call: Call): Promise<Answer> {
  const request = readRequest(call)
  const opened = openView(call, request)
  if ('code' in opened) return (out) => writeEmpty(out, call.version, opened.code)
  const { view, session, incremental } = opened
  try {
    const planned = await gather(call, request, view, incremental)
    const read = await Promise.all(planned.map((part) => readPart(call.broker.engine, part)))
    const parts = read.map(({ part }) => part)
    const records = read.map((each) => each.records)
    for (const part of parts) {
      part.want.toldHighWatermark = part.highWatermark
      part.want.toldLogStart = part.logStart
    }
    return (out) => writeResponse(out, call.version, session?.id ?? 0, parts, records)
  } finally {
    if (session === undefined) endView(view)
  }
}

function readRequest({ version, body }: Call): Request {
  if (version <= 14) body.int32() // replica id: consumers only
  const maxWaitMs = body.int32()
  const minBytes = body.int32()
  const maxBytes = body.int32()
  body.int8() // isolation: there are no transactions, so that both levels read the same
  const sessionId = version >= 7 ? body.int32() : 0
  const epoch = version >= 7 ? body.int32() : -1
  const asked: Asked[] = []
  body.structs(() => {
    const topicId = version >= 13 ? body.uuid() : NIL
    const topicName = version >= 13 ? '' : body.string()
    body.structs(() => {
      const index = body.int32()
      if (version >= 9) body.int32()
      const fetchOffset = body.int64()
      if (version >= 12) body.int32()
      if (version >= 5) body.int64()
      asked.push({ topicId, topicName, index, fetchOffset, maxBytes: body.int32() })
    })
  })
  const forgotten: { topic: string; index: number }[] = []
  if (version >= 7) {
    body.structs(() => {
      const topic = version >= 13 ? body.uuid() : body.string()
      for (const index of body.values(() => body.int32())) forgotten.push({ topic, index })
    })
  }
  return { maxWaitMs, minBytes, maxBytes, sessionId, epoch, asked, forgotten }
}

/** The view that the request means: a session's, a new session's, or one for this request alone. */
function openView(
  call: Call,
  request: Request,
): { view: View; session: Session | undefined; incremental: boolean } | { code: number } {
  const { sessions } = call.broker
  if (request.epoch === 0 || request.epoch === -1) {
    if (request.sessionId !== 0) endSession(call, request.sessionId)
    const view = newView()
    putAsked(call, request, view)
    if (request.epoch === -1) return { view, session: undefined, incremental: false }
    const session = sessions.begin(view)
    call.connection.sessionIds.add(session.id)
    return { view, session, incremental: false }
  }
  const session = sessions.get(request.sessionId)
  if (session === undefined) return { code: CODE.fetchSessionIdNotFound }
  if (session.epoch !== request.epoch) return { code: CODE.invalidFetchSessionEpoch }
  session.epoch = nextEpoch(session.epoch)
  for (const { topic, index } of request.forgotten) dropWant(session.view, wantKey(topic, index))
  putAsked(call, request, session.view)
  return { view: session.view, session, incremental: true }
}

function endSession(call: Call, id: number): void {
  call.broker.sessions.end(id)
  call.connection.sessionIds.delete(id)
}

function putAsked({ version, broker }: Call, request: Request, view: View): void {
  for (const asked of request.asked) {
    const topic = version >= 13 ? broker.engine.topicById(asked.topicId) : broker.engine.topicByName(asked.topicName)
    const key = wantKey(version >= 13 ? asked.topicId : asked.topicName, asked.index)
    putWant(view, key, asked, topic?.partitions[asked.index])
  }
}

/** Looks at what changed, and waits until there is enough to answer, or the time is over. */
async function gather(call: Call, request: Request, view: View, incremental: boolean): Promise<Part[]> {
  const deadline = call.broker.now() + request.maxWaitMs
  for (;;) {
    const { parts, enough } = evaluate(call, request, view, incremental)
    const leftMs = deadline - call.broker.now()
    if (enough || leftMs <= 0 || call.connection.signal.aborted) return parts
    await woken(view, leftMs, call.connection.signal)
  }
}

function evaluate(
  { version, broker }: Call,
  request: Request,
  view: View,
  incremental: boolean,
): { parts: Part[]; enough: boolean } {
  const parts: Part[] = []
  let bytes = 0
  let failed = false
  for (const want of incremental ? [...view.dirty] : view.wants.values()) {
    const part = evaluateWant(broker.engine, version, want, Math.max(0, request.maxBytes - bytes), bytes === 0)
    bytes += part.plan.bytes
    failed ||= part.code !== CODE.none
    const changed = part.highWatermark !== want.toldHighWatermark || part.logStart !== want.toldLogStart
    const worth = part.code !== CODE.none || part.plan.bytes > 0 || changed
    if (worth || !incremental) parts.push(part)
    // To the end of the line when it had data, so that a busy partition does not starve its neighbours; out of it
    // when there is nothing to read.
    view.dirty.delete(want)
    if (part.code !== CODE.none || (want.partition?.highWatermark ?? 0) > want.fetchOffset) view.dirty.add(want)
    else if (changed) view.dirty.add(want)
  }
  return { parts, enough: failed || bytes >= request.minBytes }
}

function evaluateWant(engine: Engine, version: number, want: Want, maxBytes: number, first: boolean): Part {
  const partition = (want.partition ??= adopt(engine, version, want))
  if (partition === undefined || partition.topic.deleted) {
    const code = version >= 13 ? CODE.unknownTopicId : CODE.unknownTopicOrPartition
    const unknown = partition === undefined && version >= 13 && engine.topicById(want.topicId) !== undefined
    return {
      want,
      code: unknown ? CODE.unknownTopicOrPartition : code,
      highWatermark: -1,
      logStart: -1,
      plan: NOTHING,
    }
  }
  const { highWatermark, logStart } = partition
  if (want.fetchOffset < logStart || want.fetchOffset > highWatermark) {
    return { want, code: CODE.offsetOutOfRange, highWatermark, logStart, plan: NOTHING }
  }
  const plan = engine.plan(partition, want.fetchOffset, Math.min(maxBytes, want.maxBytes), first)
  return { want, code: CODE.none, highWatermark, logStart, plan }
}

/** A partition that did not exist when it was first asked for. */
function adopt(engine: Engine, version: number, want: Want): Partition | undefined {
  const topic = version >= 13 ? engine.topicById(want.topicId) : engine.topicByName(want.topicName)
  const partition = topic?.partitions[want.index]
  partition?.watchers.add(want)
  return partition
}

/** Until a partition of the view is touched, the time is over or the connection has ended. */
function woken(view: View, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      view.wake = undefined
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    // In a microtask of the group that landed: all its partitions are dirty by then.
    view.wake = () => {
      view.wake = undefined
      queueMicrotask(done)
    }
  })
}

/** A part that cannot be read is a storage error of its own; its neighbours are answered. */
async function readPart(engine: Engine, part: Part): Promise<{ part: Part; records: readonly Buffer[] }> {
  if (part.plan.bytes === 0) return { part, records: [] }
  try {
    return { part, records: await engine.read(part.plan) }
  } catch {
    return { part: { ...part, code: CODE.kafkaStorageError, plan: NOTHING }, records: [] }
  }
}

function writeResponse(
  out: WireWriter,
  version: number,
  sessionId: number,
  parts: readonly Part[],
  records: readonly (readonly Buffer[])[],
): void {
  const topics = new Map<string, { name: string; id: string; at: number[] }>()
  parts.forEach(({ want }, at) => {
    const key = version >= 13 ? want.topicId : want.topicName
    const topic = topics.get(key)
    if (topic === undefined) topics.set(key, { name: want.topicName, id: want.topicId, at: [at] })
    else topic.at.push(at)
  })
  out.int32(0)
  if (version >= 7) out.int16(CODE.none).int32(sessionId)
  out.structs([...topics.values()], (topic) => {
    if (version >= 13) out.uuid(topic.id)
    else out.string(topic.name)
    out.structs(topic.at, (at) => writePart(out, version, parts[at] as Part, records[at] as readonly Buffer[]))
  })
  out.tags()
}

function writePart(out: WireWriter, version: number, part: Part, records: readonly Buffer[]): void {
  out.int32(part.want.index).int16(part.code).int64(part.highWatermark).int64(part.highWatermark)
  if (version >= 5) out.int64(part.logStart)
  out.structs([], () => undefined) // aborted transactions
  if (version >= 11) out.int32(-1) // preferred replica
  out.pieces(records)
}

function writeEmpty(out: WireWriter, version: number, code: number): void {
  out.int32(0)
  if (version >= 7) out.int16(code).int32(0)
  out.structs([], () => undefined).tags()
}
