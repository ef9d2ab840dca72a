import { CommitUnknown } from '../store/index.ts'
import { announce } from '../telemetry/index.ts'
import type { FlushCommit } from './flush-commit.ts'
import { patiently, type FlushParts } from './flush-parts.ts'
import { isAway } from './patience.ts'
import type { CommitOutcome } from './settle.ts'
import type { Story } from './story.ts'
import type { Written } from './write.ts'

/**
 * Offers a commit until Postgres has said what became of it, and tells of each try that was answered, was refused for want
 * of a lock, or never was. Rejects as `patiently` does.
 */
export function attemptCommit(
  parts: FlushParts,
  story: Story,
  wanted: FlushCommit,
  written: readonly Written[],
  attempt: number,
): Promise<CommitOutcome> {
  const slugs = new Map(written.map(({ draft }) => [draft.taken.lane.datasetId, draft.taken.lane.datasetSlug]))
  const tell = (
    outcome: 'ok' | 'conflict' | 'unknown' | 'error',
    tookMs: number,
    more: { offsets?: 'ok' | 'stale_generation'; conflicts?: readonly string[] } = {},
  ): void => {
    const { offsets = 'error', conflicts = [] } = more
    const { flushId, tenant } = story
    announce('worker.commit.finished', { flushId, tenant, outcome, offsets, tookMs, attempt, conflicts })
  }
  return patiently(parts, async () => {
    let from = parts.now()
    const took = (): number => {
      const before = from
      from = parts.now()
      return from - before
    }
    let isTold = false
    try {
      const outcome = await parts.record.commit(wanted, (why) => {
        tell(why, took())
        isTold = true
      })
      const tookMs = took()
      if (outcome.kind === 'committed') tell('ok', tookMs, { offsets: 'ok' })
      else if (outcome.kind === 'fenced') tell('error', tookMs, { offsets: 'stale_generation' })
      else if (outcome.kind === 'condemned') tell('error', tookMs)
      else if (outcome.kind === 'known_ids') tell('conflict', tookMs)
      else tell('conflict', tookMs, { conflicts: outcome.tables.map((of) => slugs.get(of.datasetId) ?? '_unknown') })
      return outcome
    } catch (error) {
      // The last of its tries was told by itself; what never got so far is told here.
      if (!isTold || !isAway(error)) tell(error instanceof CommitUnknown ? 'unknown' : 'error', took())
      throw error
    }
  })
}
