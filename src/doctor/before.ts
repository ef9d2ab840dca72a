import { memberOf, textOf, type Heard } from './ask.ts'
import type { Facts } from './facts.ts'
import { finding, type FaultCode, type Finding } from './faults.ts'

/** A disk with less cannot take a flush and what Postgres and the bus write beside it. */
const LEAST_FREE_BYTES = 64 * 1024 * 1024
/** Less than this apart is what NTP allows and a `Date` header, which has whole seconds, can show. */
const MOST_SKEW_MS = 2_000

const MIB = 1024 * 1024

/**
 * What is wrong before anything is sent, in the order of the journey: whoever mends the first may find the others
 * gone. Pure. Where it holds a finding that is not `beside`, nothing should be sent: it could not arrive.
 */
export function judgeBefore(facts: Facts): Finding[] {
  const stops = atTheDoor(facts) ?? [...places(facts), ...atTheWorker(facts)]
  return [...stops, ...beside(facts)]
}

function atTheDoor({ health, apiUrl: place, isDraining }: Facts): Finding[] | undefined {
  if (health.kind !== 'answered') return [unanswered('api_absent', 'api_silent', place, health)]
  const { json, status } = health.answer
  if (isDraining || (status === 503 && textOf(json, 'code') === 'draining')) return [finding('api_draining', { place })]
  if (memberOf(json, 'status') === 'hung') return [finding('api_silent', { place, detail: 'it says that it hangs' })]
  if (status !== 200 || memberOf(json, 'status') !== 'ok') return [finding('api_stranger', { place })]
  return undefined
}

function places(facts: Facts): Finding[] {
  const { ready, awayBecause, postgres, home, lakeFault, disk, warehouse } = facts
  const found: Finding[] = []
  if (ready?.postgres === false) found.push(finding('postgres_away', { detail: awayBecause.postgres }))
  const missing = postgres?.missingMigrations ?? []
  if (missing.length > 0) found.push(finding('migrations_missing', { detail: missing.join(', ') }))
  if (found.length === 0 && home?.kind === 'missing') found.push(finding('tenant_missing'))
  const isTable = home?.kind === 'refused' && home.code === 'dependency_away' && ready?.minio === true
  if (found.length === 0 && home?.kind === 'refused' && !isTable)
    found.push(finding('home_refused', { code: home.code, detail: home.detail }))
  if (ready?.kafka === false) found.push(finding('bus_away', { detail: awayBecause.kafka }))
  if (disk !== undefined && disk.freeBytes < LEAST_FREE_BYTES)
    found.push(finding('disk_full', { place: disk.path, detail: `${Math.floor(disk.freeBytes / MIB)} MiB` }))
  if (ready?.minio === false) found.push(finding('lake_away', { place: warehouse, detail: awayBecause.minio }))
  else if (lakeFault !== undefined) found.push(finding('lake_read_only', { place: warehouse, detail: lakeFault }))
  // Everything answers, and the dataset does not: it is its table.
  if (found.length === 0 && isTable) found.push(finding('table_unreadable', { detail: home.detail }))
  return found
}

function atTheWorker(facts: Facts): Finding[] {
  const { worker, workerUrl: place, postgres, isLocal, partitions, topic } = facts
  if (worker === undefined) return []
  if (worker.kind === 'silent') return [unanswered('worker_absent', 'worker_silent', place, worker)]
  if (worker.kind === 'refused') {
    const isSure = isLocal || postgres?.liveWorkers === 0
    return [finding(isSure ? 'worker_absent' : 'worker_unseen', { place, detail: worker.detail })]
  }
  if (worker.answer.text.startsWith('The worker is stopping')) return [finding('worker_stopping', { place })]
  if (topic === undefined) return [] // whoever has no tenant has no topic
  if (partitions === undefined) return [finding('worker_unseen', { place, detail: 'it is not a worker of Pulse' })]
  if (partitions.length === 0) {
    const isElsewhere = postgres === undefined ? !isLocal : postgres.partitions > 0 && postgres.owned > 0
    return isElsewhere
      ? [finding('other_worker', { place: topic })]
      : [
          finding('partition_unowned', {
            place: topic,
            detail: `the one that was asked says ${worker.answer.text.trim()}`,
          }),
        ]
  }
  const parked = partitions.find((one) => one.parked !== undefined)
  if (parked === undefined) return []
  const detail = `what lies from offset ${parked.committed} of partition ${parked.partition} on waits`
  return [finding(parked.parked === 'table' ? 'dataset_parked' : 'append_failing', { detail })]
}

function beside({ health, clockSkewMs, otlp }: Facts): Finding[] {
  const found: Finding[] = []
  if (health.kind === 'answered' && clockSkewMs !== undefined && clockSkewMs > MOST_SKEW_MS)
    found.push(finding('clock_skew', { detail: `${(clockSkewMs / 1000).toFixed(1)} s` }))
  if (otlp === undefined) found.push(finding('otlp_unset'))
  else if (otlp.fault !== undefined)
    found.push(finding('otlp_unreachable', { place: otlp.endpoint, detail: otlp.fault }))
  return found
}

function unanswered(absent: FaultCode, silent: FaultCode, place: string, heard: Heard): Finding {
  const detail = heard.kind === 'answered' ? '' : heard.detail
  return finding(heard.kind === 'refused' ? absent : silent, { place, detail })
}
