import { Problem } from '../problems/index.ts'
import type { Verdict } from './verdict.ts'

interface Counts {
  readonly accepted: number
  readonly rejected: number
  readonly failed: number
}

/** `accepted`: 202 with a finished JSON text. `problem`: 422 or 503, to be answered as a problem document. */
export type CollectAnswer = Counts &
  (
    | { readonly kind: 'accepted'; readonly status: 202; readonly body: string }
    | { readonly kind: 'problem'; readonly problem: Problem }
  )

/** Beyond this many faults in one answer, each further event shows its first only: 10,000 bad events stay a small answer. */
const MOST_FAULTS = 2_000

export function countsOf(verdicts: readonly Verdict[]): Counts {
  let accepted = 0
  let rejected = 0
  for (const { status } of verdicts) {
    if (status === 'accepted') accepted++
    else if (status === 'rejected') rejected++
  }
  return { accepted, rejected, failed: verdicts.length - accepted - rejected }
}

/** The answer to a request whose events were all judged. `alone`: the body was one event. */
export function answerOf(verdicts: readonly Verdict[], alone: boolean): CollectAnswer {
  const counts = countsOf(verdicts)
  if (counts.failed === 0 && counts.accepted > 0)
    return { kind: 'accepted', status: 202, body: bodyText(counts, verdicts), ...counts }
  return { kind: 'problem', problem: problemOf(counts, verdicts, alone), ...counts }
}

function problemOf(counts: Counts, verdicts: readonly Verdict[], alone: boolean): Problem {
  const members = { ...counts, results: bounded(verdicts) }
  if (counts.failed > 0) {
    const detail = `The bus did not acknowledge ${counts.failed} of ${verdicts.length} events in time. Send those again with the same event_id: a repeat makes no second row.`
    return new Problem('publish_failed', detail, { retryAfterSeconds: 1, members })
  }
  const first = verdicts[0] as Verdict
  const fault = first.errors?.[0]
  const why = fault === undefined ? '' : `${fault.pointer === '' ? '' : `${fault.pointer} `}${fault.message}`
  if (!alone) {
    return new Problem(
      'all_rejected',
      `All ${verdicts.length} events were rejected; the first (${first.code ?? 'invalid'}): ${sentence(why)}`,
      { members },
    )
  }
  const errors = first.errors ?? []
  // A body that is itself the event, and cannot be read or is too large, is a request that cannot be read or is too large.
  if (first.code === 'malformed' || first.code === 'too_large')
    return new Problem(first.code, sentence(why), { errors, members })
  return new Problem('all_rejected', `The event was rejected (${first.code ?? 'invalid'}): ${sentence(why)}`, {
    errors,
    members,
  })
}

const sentence = (text: string): string => (text.endsWith('.') ? text : `${text}.`)

function bounded(verdicts: readonly Verdict[]): readonly Verdict[] {
  let shown = 0
  return verdicts.map((verdict) => {
    const { errors } = verdict
    if (errors === undefined) return verdict
    shown += errors.length
    return shown <= MOST_FAULTS || errors.length < 2 ? verdict : { ...verdict, errors: errors.slice(0, 1) }
  })
}

/** Written by hand: ten times cheaper than `JSON.stringify` for the verdict that nearly all events get. */
function bodyText({ accepted, rejected, failed }: Counts, verdicts: readonly Verdict[]): string {
  let text = `{"accepted":${accepted},"rejected":${rejected},"failed":${failed},"results":[`
  let separator = ''
  for (const verdict of rejected === 0 ? verdicts : bounded(verdicts)) {
    text += separator
    text +=
      verdict.errors === undefined
        ? `{"event_id":"${verdict.event_id as string}","status":"accepted"}`
        : JSON.stringify(verdict)
    separator = ','
  }
  return `${text}]}`
}
