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
  /** Since the fetch loop came round. */
  readonly sinceTickMs: number
  readonly postgres: PostgresFacts
}

export interface PostgresFacts {
  /** Whether the last `SELECT 1` was answered within its second; undefined before the first. */
  readonly answered: boolean | undefined
  readonly detail: string
  /** Since that was known. */
  readonly agoMs: number
}

export const PING_MS = 1_000
/** A check that is older says nothing any more: whoever refreshes it is stuck. */
const STALE_MS = 5_000
const STUCK_MS = 60_000

const healthy: Verdict = { ok: true, text: 'healthy' }
const not = (text: string): Verdict => ({ ok: false, text })

/** `/healthz`: at least one partition is owned and Postgres answered `SELECT 1` within a second. */
export function healthz(facts: WorkerFacts): Verdict {
  const { postgres } = facts
  if (facts.stopping) return not('The worker is stopping.')
  if (postgres.answered === undefined) return not('Postgres has not been asked yet.')
  if (!postgres.answered) return not(`Postgres did not answer SELECT 1 within 1 s: ${postgres.detail}`)
  if (postgres.agoMs > STALE_MS) return not(`Postgres was last asked ${Math.round(postgres.agoMs / 1000)} s ago.`)
  if (facts.owned === 0) {
    return not(
      facts.members > 1
        ? `The worker owns no partition: ${facts.members} workers share them and it is standing by.`
        : 'The worker owns no partition yet.',
    )
  }
  return healthy
}

/** `/livez`: this process works, whatever is away. Its loop came round within a minute. */
export function livez(facts: WorkerFacts): Verdict {
  if (facts.sinceTickMs <= STUCK_MS || facts.stopping) return { ok: true, text: 'live' }
  return not(`The fetch loop has not come round for ${Math.round(facts.sinceTickMs / 1000)} s.`)
}

/** `/startupz`: a share was claimed once, so that database, migrations and role are as they must be. */
export function startupz(facts: WorkerFacts): Verdict {
  if (facts.shared) return { ok: true, text: 'started' }
  return not(
    facts.postgres.answered === false ? `Waiting for Postgres: ${facts.postgres.detail}` : 'No share was claimed yet.',
  )
}
