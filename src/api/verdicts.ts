import type { Dependency, DependencyFacts } from '../places/index.ts'

/** What the probes answer, as pure functions of facts: they can neither hang nor disagree with themselves. */

export interface ApiFacts {
  /** SIGTERM has come: what is under way is finished, nothing new begins. */
  readonly draining: boolean
  /** Since the event loop came round; it does every second. */
  readonly sinceTurnMs: number
  readonly dependencies: Readonly<Record<Dependency, DependencyFacts>>
}

/** The loop has hung: whoever asks should not send more. */
export const HUNG_MS = 10_000
/** Four rounds of checks. One that is older says nothing any more: whoever refreshes it is stuck. */
export const STALE_MS = 10_000

/** `/health`: this process serves, whatever is away, and while it drains. */
export const isHealthy = ({ sinceTurnMs }: ApiFacts): boolean => sinceTurnMs <= HUNG_MS

interface Readiness {
  readonly ready: boolean
  /** In the founding page's order. */
  readonly checks: Readonly<Record<Dependency, boolean>>
}

/** `/ready`: all three answered their last check, lately, and the process is not draining. Checks say what is, also while it drains. */
export function readiness({ draining, dependencies: { postgres, kafka, minio } }: ApiFacts): Readiness {
  const checks = { postgres: answers(postgres), kafka: answers(kafka), minio: answers(minio) }
  return { ready: !draining && checks.postgres && checks.kafka && checks.minio, checks }
}

const answers = ({ answered, agoMs }: DependencyFacts): boolean => answered === true && agoMs <= STALE_MS
