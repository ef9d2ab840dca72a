import { memberOf, textOf } from './ask.ts'
import { finding, type Finding } from './faults.ts'
import { flushOf } from './journey.ts'
import type { Followed, Sent } from './story.ts'

/** What was wrong with the request itself; undefined where the event was accepted. Pure. */
export function judgeSent({ heard }: Sent, apiUrl: string): Finding | undefined {
  if (heard.kind !== 'answered') return finding('collect_unanswered', { detail: heard.detail })
  const { status, json } = heard.answer
  const results = memberOf(json, 'results')
  const verdict: unknown = Array.isArray(results) ? results[0] : undefined
  if (textOf(verdict, 'status') === 'accepted') return undefined
  const code = textOf(verdict, 'code') ?? textOf(json, 'code') ?? `status_${status}`
  const detail = firstError(verdict) ?? textOf(json, 'detail') ?? `status ${status}`
  if (code === 'publish_failed') return finding('publish_failed', { detail })
  if (textOf(verdict, 'status') === 'rejected') return finding('event_rejected', { code, detail })
  if (code === 'dependency_away') return finding('postgres_away', { detail })
  if (code === 'overloaded') return finding('overloaded', { detail })
  if (code === 'draining') return finding('api_draining', { place: apiUrl })
  return finding('collect_refused', { code, detail })
}

function firstError(verdict: unknown): string | undefined {
  const errors = memberOf(verdict, 'errors')
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined
  const message = textOf(first, 'message')
  return message === undefined ? undefined : `${textOf(first, 'pointer') ?? ''} ${message}`
}

/** What went wrong on the way to the preview; undefined where nothing did. Pure. */
export function judgeFollowed(followed: Followed): Finding | undefined {
  const { rows, differences, deadLetter, isConsumed, appendErrors, refused } = followed
  const detail = `${(followed.waitedMs / 1000).toFixed(0)} s`
  if (deadLetter !== undefined) return finding('dead_lettered', { detail: deadLetter })
  if (rows > 1) return finding('row_doubled', { detail: String(rows) })
  if (rows === 1)
    return differences.length === 0 ? undefined : finding('row_corrupted', { detail: differences.join(', ') })
  const { snapshotId } = flushOf(followed)
  const isCommitted = snapshotId !== undefined || followed.isCommitted === true
  if (isConsumed === false) return finding('not_consumed', { detail })
  // Old files may be out of reach with the new ones: who cannot append comes before who cannot read.
  if (isConsumed === true && !isCommitted)
    return appendErrors > 0
      ? finding('append_failing', { detail: `${appendErrors} attempts failed in ${detail}` })
      : finding('not_flushed', { detail })
  if (refused !== undefined) return finding('preview_refused', refused)
  return isCommitted
    ? finding('not_previewed', { place: snapshotId ?? 'that nobody names', detail })
    : finding('not_arrived', { detail })
}
