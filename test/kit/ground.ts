import { randomUUID } from 'node:crypto'
import { uuidv7 } from '../../src/event/index.ts'
import { openMembership, type Membership, type OwnedPartition } from '../../src/ingest/claims.ts'
import type { DeadLetter } from '../../src/ingest/dead-letters.ts'
import type { DatasetCommit, FlushCommit } from '../../src/ingest/flush-commit.ts'
import { openStore, type Store } from '../../src/store/index.ts'
import { namespaceOf } from '../../src/tenancy/index.ts'
import { openIntent } from '../../src/upkeep/index.ts'
import { withPostgres, type Owner, type TestPostgres } from './postgres.ts'

/** What a flush is committed against: tenants, datasets with a table, and source partitions. */
export interface Ground {
  readonly pg: TestPostgres
  readonly store: Store
  readonly admin: ReturnType<TestPostgres['sql']>
  tenant(): Promise<string>
  dataset(tenantId: string): Promise<GroundDataset>
  partition(tenantId: string, count?: number): Promise<{ topicId: string; topic: string; partition: number }>
  /** A member that has claimed all that is its share. */
  worker(leaseSeconds?: number): Promise<{ member: Membership; owned: readonly OwnedPartition[] }>
  /** A store of its own, closed with the test. */
  openStore(url?: string): Promise<Store>
}

export interface GroundDataset {
  readonly tenantId: string
  readonly datasetId: string
  readonly number: number
  readonly namespace: string
  readonly name: string
  readonly location: string
}

const SEEDED_CLASS = '01900000-0000-7000-8000-000000000002'

/** A database of the test's own with nothing in it yet. */
export async function openGround(owner: Owner): Promise<Ground> {
  const pg = await withPostgres(owner)
  const admin = pg.sql('admin')
  const open = async (url = pg.appUrl): Promise<Store> => {
    const store = await openStore({ url, poolSize: 6, applicationName: 'test' })
    owner.after(async () => store[Symbol.asyncDispose]())
    return store
  }
  const store = await open()
  let made = 0
  return {
    pg,
    store,
    admin,
    openStore: open,
    async tenant() {
      const id = uuidv7()
      await admin.query(`INSERT INTO tenants (id, slug, name, status) VALUES ($1, $2, 'T', 'active')`, [
        id,
        `t${++made}`,
      ])
      return id
    },
    async dataset(tenantId) {
      const datasetId = uuidv7()
      const namespace = namespaceOf(tenantId)
      const name = `d${++made}`
      const [row] = await admin.query<{ number: string }>(
        `INSERT INTO pdm_datasets (id, tenant_id, slug, name, schema_id, schema_uri, namespace, table_name, table_uuid)
         VALUES ($1, $2, $3, $3, $4, 'urn:s', $5, $3, $1) RETURNING number`,
        [datasetId, tenantId, name, SEEDED_CLASS, namespace],
      )
      await admin.query(`INSERT INTO iceberg_catalog.iceberg_tables VALUES ('pulse', $1, $2, 'm0', NULL, 'TABLE')`, [
        namespace,
        name,
      ])
      return {
        tenantId,
        datasetId,
        number: Number(row?.number),
        namespace,
        name,
        location: `file:///lake/${namespace}/${name}`,
      }
    },
    async partition(tenantId, count = 1) {
      const at = { topicId: randomUUID(), topic: `pulse.${tenantId}.events.raw`, partition: 0 }
      for (let partition = 0; partition < count; partition++) {
        await store.asSystem((sql) =>
          sql.query('INSERT INTO source_partitions (topic_id, partition, topic, tenant_id) VALUES ($1, $2, $3, $4)', [
            at.topicId,
            partition,
            at.topic,
            tenantId,
          ]),
        )
      }
      return at
    },
    async worker(leaseSeconds = 30) {
      const member = await openMembership(store, { worker: `w-${uuidv7()}`, leaseSeconds })
      return { member, owned: (await member.share()).owned }
    },
  }
}

/** A flush of one dataset from the first partition owned, its intent opened; every part can be replaced. */
export async function flushOf(
  ground: Ground,
  dataset: GroundDataset,
  from: { member: Membership; owned: readonly OwnedPartition[] },
  wanted: {
    ids?: readonly string[]
    from?: string
    to?: string
    nextOffset?: number
    letters?: readonly DeadLetter[]
    duplicates?: number
    expired?: readonly string[]
    change?: (dataset: DatasetCommit) => DatasetCommit
  } = {},
): Promise<FlushCommit> {
  const source = from.owned.find((of) => of.tenantId === dataset.tenantId)
  if (source === undefined) throw new Error('The worker owns no partition of that tenant.')
  const flushId = uuidv7()
  await openIntent(ground.store, {
    flushId,
    tenantId: dataset.tenantId,
    worker: from.member.worker,
    locations: [dataset.location],
  })
  const ids = wanted.ids ?? [uuidv7(), uuidv7()]
  const letters = wanted.letters ?? []
  const nextOffset = wanted.nextOffset ?? source.nextOffset + ids.length + letters.length
  const at = { topicId: source.topicId, partition: source.partition }
  const swap = {
    namespace: dataset.namespace,
    name: dataset.name,
    from: wanted.from ?? 'm0',
    to: wanted.to ?? `m-${flushId}`,
  }
  const one: DatasetCommit = {
    datasetId: dataset.datasetId,
    datasetNumber: dataset.number,
    ...(ids.length > 0 ? { table: swap } : {}),
    eventIds: ids,
    totals: {
      records: ids.length + letters.length + (wanted.duplicates ?? 0),
      rows: ids.length,
      duplicates: wanted.duplicates ?? 0,
      deadLetters: letters.length,
      replayed: 0,
    },
    settled: [{ ...at, nextOffset }],
    expiredFiles: wanted.expired ?? [],
  }
  const [counted] = await ground.admin.query<{ flushes: string }>(
    'SELECT flushes FROM source_partitions WHERE topic_id = $1 AND partition = $2',
    [at.topicId, at.partition],
  )
  return {
    flushId,
    tenantId: dataset.tenantId,
    worker: from.member.worker,
    sources: [{ ...at, generation: source.generation, flushes: Number(counted?.flushes) }],
    sourceOffsets: [{ ...at, nextOffset }],
    datasets: [wanted.change?.(one) ?? one],
    deadLetters: letters,
    graceSeconds: 300,
  }
}

export function letterOf(
  dataset: GroundDataset,
  source: { topicId: string; topic: string; partition: number },
  offset: number,
): DeadLetter {
  return {
    datasetId: dataset.datasetId,
    topicId: source.topicId,
    topic: source.topic,
    partition: source.partition,
    offset,
    eventId: uuidv7(),
    reason: 'invalid',
    pointer: '/data/a',
    error: 'must be string',
    key: Buffer.from('key'),
    value: Buffer.from('{"dataset":"d","data":{"a":1}}'),
    headers: [
      ['pulse-dataset', dataset.datasetId],
      ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'],
    ],
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
    receivedAt: '2026-01-02T03:04:05.123456Z',
  }
}

/** Every row of every table, as text: two of them are equal only if nothing moved. */
export async function dump(ground: Ground): Promise<Record<string, string[]>> {
  const tables = await ground.admin.query<{ name: string }>(
    `SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname IN ('public', 'iceberg_catalog') ORDER BY 1`,
  )
  const found: Record<string, string[]> = {}
  for (const { name } of tables) {
    const rows = await ground.admin.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t ORDER BY 1`)
    found[name] = rows.map((row) => row.row)
  }
  return found
}
