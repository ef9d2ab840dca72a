import type { Finding } from './faults.ts'
import type { StepSeen } from './journey.ts'

/** What an examination found. */
export interface Report {
  /** All nine steps are well. */
  readonly ok: boolean
  readonly apiUrl: string
  readonly workerUrl: string
  /** Undefined where nothing was sent. */
  readonly traceId: string | undefined
  readonly eventId: string | undefined
  readonly flushId: string | undefined
  readonly snapshotId: string | undefined
  /** From the send to the answer of the preview that showed it, in milliseconds. */
  readonly totalMs: number | undefined
  readonly steps: readonly StepSeen[]
  /** The first thing that is wrong. */
  readonly first: Finding | undefined
  /** What else was noticed; the first may be its cause. */
  readonly further: readonly Finding[]
}

const MARKS = { passed: '✓', failed: '✗', not_reached: '·' } as const

/** The report for people. */
export function asText(report: Report): string {
  const { steps, first, further, totalMs } = report
  const lines = [
    `API ${report.apiUrl}, worker ${report.workerUrl}`,
    '',
    ...steps.map(({ step, state, ms }, at) =>
      `  ${at + 1} ${step.padEnd(12)} ${MARKS[state]} ${(ms === undefined ? '' : took(ms)).padStart(10)}`.trimEnd(),
    ),
    '',
  ]
  if (report.traceId === undefined) lines.push('Nothing was sent.')
  else lines.push(`trace    ${report.traceId}`, `event    ${report.eventId}`)
  if (report.flushId !== undefined) lines.push(`flush    ${report.flushId}`)
  if (report.snapshotId !== undefined) lines.push(`snapshot ${report.snapshotId}`)
  lines.push('')
  if (first === undefined) lines.push(`All nine steps are well${totalMs === undefined ? '' : `: ${took(totalMs)}`}.`)
  else lines.push(`First wrong: ${first.code}, at ${first.step}`, `  ${first.sentence}`, `  Remedy: ${first.remedy}`)
  for (const one of further) lines.push('', `Noticed: ${one.code}`, `  ${one.sentence}`, `  Remedy: ${one.remedy}`)
  return `${lines.join('\n')}\n`
}

const took = (ms: number): string => (ms < 1_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`)

/** The report for machines: one JSON object; names are stable. */
export function asJson(report: Report): string {
  const found = ({ code, step, sentence, remedy }: Finding) => ({ code, step, sentence, remedy })
  const rounded = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms * 1000) / 1000)
  return `${JSON.stringify(
    {
      ok: report.ok,
      api: report.apiUrl,
      worker: report.workerUrl,
      trace_id: report.traceId ?? null,
      event_id: report.eventId ?? null,
      flush_id: report.flushId ?? null,
      snapshot_id: report.snapshotId ?? null,
      total_ms: rounded(report.totalMs),
      steps: report.steps.map(({ step, state, ms }) => ({ step, state, ms: rounded(ms) })),
      first: report.first === undefined ? null : found(report.first),
      further: report.further.map(found),
    },
    undefined,
    2,
  )}\n`
}
