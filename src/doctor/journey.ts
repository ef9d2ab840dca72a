import { textOf } from './ask.ts'
import type { Finding } from './faults.ts'
import type { SpanSeen } from './spans.ts'
import { STEPS, type Step } from './steps.ts'
import type { Followed, Sent } from './story.ts'

/** `passed` without a time: it must have been, since a later step was. */
export interface StepSeen {
  readonly step: Step
  readonly state: 'passed' | 'failed' | 'not_reached'
  readonly ms: number | undefined
}

/** The nine steps as they went, up to the one where `stop` is. Pure. */
export function journeyOf(
  sent: Sent | undefined,
  followed: Followed | undefined,
  stop: Finding | undefined,
): readonly StepSeen[] {
  const times = {
    ...(sent === undefined ? {} : requestTimes(sent)),
    ...(followed === undefined ? {} : laterTimes(sent, followed)),
  }
  const end = stop === undefined ? STEPS.length : STEPS.findIndex((step) => step === stop.step)
  return STEPS.map((step, at) => {
    // Before anything was sent no step was passed, whatever was found.
    const isPassed = at < end && sent !== undefined
    const state = at === end ? 'failed' : isPassed ? 'passed' : 'not_reached'
    return { step, state, ms: isPassed ? times[step] : undefined }
  })
}

type Times = Partial<Record<Step, number>>

function requestTimes({ heard, validateMs, publishMs }: Sent): Times {
  if (heard.kind !== 'answered') return {}
  if (validateMs === undefined || publishMs === undefined) return { accept: heard.answer.tookMs }
  return { accept: notBelow(heard.answer.tookMs - validateMs - publishMs), validate: validateMs, publish: publishMs }
}

function laterTimes(sent: Sent | undefined, followed: Followed): Times {
  const named = (name: string): SpanSeen | undefined => followed.spans.find((span) => span.name.startsWith(name))
  const [process, buffer, append] = [named('process '), named('buffer'), named('append')]
  const times: Times = {}
  if (followed.previewMs !== undefined) times.preview = followed.previewMs
  if (process === undefined || buffer === undefined || append === undefined || sent === undefined) return times
  const acknowledgedMs = sent.startedAtMs + (sent.heard.kind === 'answered' ? sent.heard.answer.tookMs : 0)
  const deduplicate = sumOf(followed.flushSpans, 'dedup')
  const commit = sumOf(followed.flushSpans, 'commit table')
  return {
    ...times,
    // Two machines' clocks may disagree by more than this takes.
    consume: notBelow(process.startMs - acknowledgedMs),
    buffer: buffer.endMs - buffer.startMs,
    ...(deduplicate === undefined ? {} : { deduplicate }),
    flush: notBelow(append.endMs - append.startMs - (deduplicate ?? 0) - (commit ?? 0)),
    ...(commit === undefined ? {} : { commit }),
  }
}

/** The time of a flush's steps of that name; undefined where its trace has none. */
function sumOf(spans: readonly SpanSeen[], name: string): number | undefined {
  const own = spans.filter((span) => span.name === name)
  return own.length === 0 ? undefined : own.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0)
}

const notBelow = (ms: number): number => Math.max(0, ms)

/** The flush that committed the event, and its snapshot, as its `append` span names them. */
export function flushOf({ spans }: Pick<Followed, 'spans'>): {
  readonly flushId: string | undefined
  readonly snapshotId: string | undefined
} {
  const append = spans.find(({ name }) => name === 'append')
  return {
    flushId: textOf(append?.attributes, 'pulse.flush.id'),
    snapshotId: textOf(append?.attributes, 'pulse.iceberg.snapshot_id'),
  }
}
