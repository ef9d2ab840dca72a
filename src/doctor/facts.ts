import type { Heard } from './ask.ts'

/** A partition of the canary's topic, as a worker's `/partitions` shows it. */
export interface PartitionSeen {
  readonly partition: number
  /** The next offset that is read. */
  readonly position: number
  /** The lowest that is not in the table. */
  readonly committed: number
  readonly logEnd: number | undefined
  /** Whose fault it is that the dataset waits to be tried again: `table` or `lake`; undefined where it does not wait. */
  readonly parked: string | undefined
}

/** What Postgres says of who works, where it is at hand. Read, never written. */
export interface PostgresFacts {
  readonly missingMigrations: readonly string[]
  /** Workers whose lease has not run out. */
  readonly liveWorkers: number
  /** Of the canary's partitions that are not retired: those with an owner who lives, and all. */
  readonly owned: number
  readonly partitions: number
}

export type HomeFacts =
  | { readonly kind: 'found'; readonly tenantId: string; readonly dataset: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string }

/** What there is before anything was sent. A member is undefined where it was not looked at, or could not be. */
export interface Facts {
  readonly apiUrl: string
  readonly workerUrl: string
  /** Where these addresses are from: `run.json` names processes that run on this machine. */
  readonly isLocal: boolean
  readonly health: Heard
  readonly ready: Readonly<Record<'postgres' | 'kafka' | 'minio', boolean>> | undefined
  /** What `/ready?verbose` says of each. */
  readonly awayBecause: Readonly<Record<'postgres' | 'kafka' | 'minio', string>>
  /** Whether `/ready` says no although every check says yes: that is a process that stops. */
  readonly isDraining: boolean
  readonly warehouse: string
  /** What keeps the lake from being written, as far as this machine can see. */
  readonly lakeFault: string | undefined
  /** The fullest of the disks that Pulse writes on this machine. */
  readonly disk: { readonly path: string; readonly freeBytes: number } | undefined
  readonly postgres: PostgresFacts | undefined
  readonly home: HomeFacts | undefined
  readonly worker: Heard | undefined
  /** The canary's topic; undefined where its tenant is. */
  readonly topic: string | undefined
  /** Of the canary's topic; undefined where no worker was seen. */
  readonly partitions: readonly PartitionSeen[] | undefined
  /** How far the clocks may be apart, beyond what the measurement leaves open. */
  readonly clockSkewMs: number | undefined
  readonly otlp: { readonly endpoint: string; readonly fault: string | undefined } | undefined
}
