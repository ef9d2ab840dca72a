import { JOBS } from '../query.ts'
import type { Explained } from './alert.ts'

/** No worker at all: what it would have done is not done. */
export const NO_WORKER: Explained = { by: 'PulseTargetMissing', where: { job: JOBS.worker } }

/** What is away for the API, too, is paged at the door; a worker that alone does not reach it still pages by its lag. */
export const NO_POSTGRES: Explained = { by: 'PulseDependencyDown', where: { job: JOBS.api, dependency: 'postgres' } }
export const NO_BUS: Explained = { by: 'PulseDependencyDown', where: { job: JOBS.api, dependency: 'kafka' } }

/** An outage is told, or was until a while ago: what counters over a window still show of it is not told a second time. */
export const AFTER: Explained = { by: 'PulseAftermath' }

/**
 * Whatever of these fires, events are late and not lost. Each fires within five minutes of its cause, which is when the canary
 * calls an event missing (`src/canary/rounds.ts`).
 */
export const LATE: readonly Explained[] = [
  NO_WORKER,
  NO_POSTGRES,
  NO_BUS,
  { by: 'PulsePartitionsUnowned' },
  { by: 'PulseLagGrowing' },
  { by: 'PulseConsumerStuck' },
  { by: 'PulseLoopStuck' },
]
