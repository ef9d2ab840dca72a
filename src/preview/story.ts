import { systemClock } from '../event/index.ts'
import { Problem } from '../problems/index.ts'
import { announce, type Announcements } from '../telemetry/index.ts'
import { sampledTrace } from '../tenancy/index.ts'

type Outcome = Announcements['preview.finished']['outcome']
type Phase = 'planMs' | 'fetchMs' | 'decodeMs'

/** What a preview does, while it is under way; a second attempt adds to the first. */
export interface Story {
  /** Its turn has come. */
  begun(): void
  timed<T>(phase: Phase, act: () => Promise<T>): Promise<T>
  /** Of a snapshot's files those that were opened. */
  chose(read: readonly { readonly bytes: number }[], of: number): void
  answered(rows: number): void
  /** Says it all, once. A question that was wrong, or that found too many others waiting, was no preview. */
  told(error?: unknown): void
}

/** From the question's arrival on. */
export function openStory(of: { readonly tenantSlug: string; readonly datasetSlug: string }): Story {
  const arrivedMs = performance.now()
  let startedAtMs = systemClock.now()
  let rows = 0
  const took = { planMs: 0, fetchMs: 0, decodeMs: 0 }
  const files = { filesRead: 0, filesPruned: 0, bytesRead: 0 }
  return {
    begun: () => void (startedAtMs = systemClock.now()),
    async timed(phase, act) {
      const fromMs = performance.now()
      return act().finally(() => void (took[phase] += performance.now() - fromMs))
    },
    chose(read, all) {
      files.filesRead += read.length
      files.filesPruned += all - read.length
      for (const { bytes } of read) files.bytesRead += bytes
    },
    answered: (count) => void (rows = count),
    told(error) {
      const outcome = outcomeOf(error, rows)
      if (outcome === undefined) return
      announce('preview.finished', {
        tenant: of.tenantSlug,
        dataset: of.datasetSlug,
        startedAtMs,
        within: sampledTrace(),
        outcome,
        ...took,
        totalMs: performance.now() - arrivedMs,
        rows: error === undefined ? rows : 0,
        ...files,
      })
    },
  }
}

function outcomeOf(error: unknown, rows: number): Outcome | undefined {
  if (error === undefined) return rows === 0 ? 'empty' : 'ok'
  if (!(error instanceof Problem)) return 'error'
  if (error.shed !== undefined || error.status < 500) return undefined
  if (error.code !== 'overloaded') return 'error'
  return isOutOfMemory(error.cause) ? 'too_large' : 'timeout'
}

/** What DuckDB says where the rows asked for do not fit what it may take. */
export const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('Out of Memory Error')
