import type { DependencyFacts } from '../places/index.ts'

/** What the probes answer, as pure functions of facts: they can neither hang nor disagree with themselves. */

export interface Verdict {
  readonly ok: boolean
  /** The answer's body: `healthy`, or the reason in a sentence. */
  readonly text: string
}

export interface WorkerFacts {
  readonly stopping: boolean
  /** Partitions that are read now. */
  readonly owned: number
  readonly members: number
  /** A share was claimed at least once. */
  readonly shared: boolean
  /** Migrations that this version brings and the database does not have; undefined while nobody knows. */
  readonly missingMigrations: readonly string[] | undefined
  /** Since the fetch loop came round. */
  readonly sinceTickMs: number
  readonly postgres: DependencyFacts
}

/** The founding page's second. */
export const PING_MS = 1_000
/** A check that is older says nothing any more: whoever refreshes it is stuck. */
const STALE_MS = 5_000
const STUCK_MS = 60_000

const healthy: Verdict = { ok: true, text: 'healthy' }
const not = (text: string): Verdict => ({ ok: false, text })

/**
 * `/healthz`: at least one partition is owned and Postgres answered `SELECT 1` within a second. Readiness, never
 * liveness: a standby answers 503 for ever, and so does everybody while Postgres is away.
 */
export function healthz(facts: WorkerFacts): Verdict {
  const { postgres } = facts
  if (facts.stopping) return not('The worker is stopping.')
  if (postgres.answered === undefined) return not('Postgres has not been asked yet.')
  if (!postgres.answered) return not(`Postgres did not answer SELECT 1 within 1 s: ${postgres.detail}`)
  if (postgres.tookMs > PING_MS)
    return not(`Postgres did not answer SELECT 1 within 1 s: it took ${Math.ceil(postgres.tookMs)} ms.`)
  if (postgres.agoMs > STALE_MS) return not(`Postgres was last asked ${Math.round(postgres.agoMs / 1000)} s ago.`)
  if (facts.owned === 0) {
    return not(
      facts.members > 1
        ? `standby: true, partitions: 0. The worker owns no partition: ${facts.members} workers share them and it is standing by.`
        : 'standby: false, partitions: 0. The worker owns no partition yet.',
    )
  }
  return healthy
}

/** `/livez`: this process works, whatever is away. Its loop came round within a minute. */
export function livez(facts: WorkerFacts): Verdict {
  if (facts.sinceTickMs <= STUCK_MS || facts.stopping) return { ok: true, text: 'live' }
  return not(`The fetch loop has not come round for ${Math.round(facts.sinceTickMs / 1000)} s.`)
}

/** `/startupz`: a share was claimed once, and the database has every migration that this version brings. */
export function startupz(facts: WorkerFacts): Verdict {
  const { postgres, missingMigrations: missing } = facts
  if (missing !== undefined && missing.length > 0)
    return not(`The database lacks ${missing.join(', ')}: run "pulse migrate" of this version.`)
  if (facts.shared && missing !== undefined) return { ok: true, text: 'started' }
  if (postgres.answered === false) return not(`Waiting for Postgres: ${postgres.detail}`)
  return not(facts.shared ? 'The migrations were not looked at yet.' : 'No share was claimed yet.')
}
