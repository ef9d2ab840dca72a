import { rawTopic } from '../event/index.ts'
import { findHome, Hindrance, openDoor } from '../canary/index.ts'
import { ask, memberOf, textOf, type Heard } from './ask.ts'
import type { Facts, HomeFacts } from './facts.ts'
import type { Machine } from './machine.ts'
import { settledPartitions } from './partitions.ts'
import type { Places } from './places.ts'
import type { PostgresView } from './postgres.ts'

/** What a look leaves open because a `Date` header has whole seconds. */
const DATE_MS = 1_000

/**
 * Looks at everything that can be looked at without sending an event, in at most about 15 s. What a worker is about to
 * do (adopt a new topic, commit a flush) it has `settleMs` for. Never rejects.
 */
export async function lookAround(
  places: Places,
  machine: Machine,
  postgres: PostgresView | undefined,
  settleMs: number,
): Promise<Facts> {
  const { apiUrl, workerUrl, isLocal, warehouse } = places
  const from = machine.now()
  const [health, readiness, worker, postgresFacts, disk, lakeFault, otlp] = await Promise.all([
    ask(`${apiUrl}/health`),
    ask(`${apiUrl}/ready?verbose`),
    ask(`${workerUrl}/healthz`),
    postgres?.look(),
    fullest(machine, places),
    warehouse.startsWith('file://') ? machine.unwritable(folderOf(warehouse)) : undefined,
    receiver(machine, places.otlpEndpoint),
  ])
  const ready = checksOf(readiness)
  const isWhole = ready !== undefined && ready.postgres && ready.kafka && ready.minio
  const home = ready?.postgres === true ? await homeOf(apiUrl, places.key) : undefined
  const topic = home?.kind === 'found' ? rawTopic(home.tenantId) : undefined
  return {
    apiUrl,
    workerUrl,
    isLocal,
    health,
    ready,
    awayBecause: errorsOf(readiness),
    isDraining: isWhole && readiness.kind === 'answered' && readiness.answer.status === 503,
    warehouse,
    lakeFault,
    disk,
    postgres: postgresFacts,
    home,
    worker,
    topic,
    partitions:
      worker.kind === 'answered' && topic !== undefined
        ? await settledPartitions(workerUrl, topic, settleMs)
        : undefined,
    clockSkewMs: skewOf(health, from),
    otlp,
  }
}

/** `/ready`'s checks; undefined where what answered has none. */
function checksOf(heard: Heard): Facts['ready'] {
  const checks = heard.kind === 'answered' ? memberOf(heard.answer.json, 'checks') : undefined
  if (checks === undefined) return undefined
  const of = (name: string): boolean => memberOf(checks, name) === true
  return { postgres: of('postgres'), kafka: of('kafka'), minio: of('minio') }
}

/** Why a check failed, in the API's words. */
function errorsOf(heard: Heard): Facts['awayBecause'] {
  const details = heard.kind === 'answered' ? memberOf(heard.answer.json, 'details') : undefined
  const of = (name: string): string => textOf(memberOf(details, name), 'error') ?? '/ready says so'
  return { postgres: of('postgres'), kafka: of('kafka'), minio: of('minio') }
}

/** The canary's tenant and dataset; made where only the dataset lacks, as the canary itself does. */
async function homeOf(apiUrl: string, key: string | undefined): Promise<HomeFacts> {
  try {
    return { kind: 'found', ...(await findHome(openDoor(apiUrl, 5_000, () => key))) }
  } catch (error) {
    const { code, message } = error instanceof Hindrance ? error : new Hindrance('defect', String(error))
    return code === 'no_tenant' ? { kind: 'missing' } : { kind: 'refused', code, detail: message }
  }
}

function skewOf(health: Heard, from: number): number | undefined {
  const said = health.kind === 'answered' ? Date.parse(health.answer.headers.date ?? '') : Number.NaN
  if (health.kind !== 'answered' || Number.isNaN(said)) return undefined
  // It was between `said` and a second later, at some moment while the answer was under way.
  const early = said - (from + health.answer.tookMs)
  const late = from - (said + DATE_MS)
  return Math.max(0, early, late)
}

async function fullest(machine: Machine, { dataDir, warehouse }: Places): Promise<Facts['disk']> {
  const paths = [dataDir, ...(warehouse.startsWith('file://') ? [folderOf(warehouse)] : [])]
  let found: Facts['disk']
  for (const path of paths) {
    const freeBytes = await machine.freeBytes(path)
    if (freeBytes !== undefined && (found === undefined || freeBytes < found.freeBytes)) found = { path, freeBytes }
  }
  return found
}

const folderOf = (warehouse: string): string => warehouse.slice('file://'.length)

async function receiver(machine: Machine, endpoint: string | undefined): Promise<Facts['otlp']> {
  if (endpoint === undefined) return undefined
  const { hostname, port, protocol } = new URL(endpoint)
  const fallback = protocol === 'https:' ? 443 : 80
  const fault = await machine.unreachable(hostname.replace(/^\[|\]$/g, ''), port === '' ? fallback : Number(port))
  return { endpoint, fault }
}
