import { systemClock } from '../event/index.ts'
import { announce, type Announcements } from '../telemetry/index.ts'
import { sampledTrace } from '../tenancy/index.ts'

type LakeCall = Omit<Announcements['lake.call.finished'], 'within'>
type Transaction = Announcements['store.transaction.finished']

/** Announces a transaction that has just ended, as a part of the sampled trace that it was for, if any. */
export function tellTransaction(finished: {
  readonly name: Transaction['query']
  readonly outcome: Transaction['outcome']
  readonly tookMs: number
}): void {
  const { name: query, outcome, tookMs } = finished
  const startedAtMs = systemClock.now() - tookMs
  announce('store.transaction.finished', { query, outcome, startedAtMs, tookMs, within: sampledTrace() })
}

/** The same of a call to the object store. */
export function tellLakeCall(call: LakeCall): void {
  announce('lake.call.finished', { ...call, within: sampledTrace() })
}
