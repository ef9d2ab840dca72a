import type { Bus } from '../bus/index.ts'
import { isUuid, parseTraceparent, RECORD_HEADERS } from '../event/index.ts'
import type { Store } from '../store/index.ts'
import { actingFor, ask, memberOf, textOf } from './ask.ts'
import { sourceOf, type RowFacts, type RowName, type Source } from './row.ts'
import { spansOf } from './spans.ts'

interface RowPlaces {
  readonly store: Store
  readonly bus: Bus
  readonly apiUrl: string
  readonly workerUrl: string
  /** Shown to the API; undefined: none. */
  readonly key: string | undefined
}

const READ_BYTES = 1 << 20
const READ_MS = 2_000
/** The newest rows that one preview shows. */
const PREVIEW_ROWS = 1_000

/**
 * Gathers what leads from a row to its request, its flush and its snapshot, from the record on the bus, the ledger, a
 * preview and the memory of the worker; writes nothing. A sentence where there is no such tenant. Throws what Postgres throws.
 */
export async function findRow(places: RowPlaces, name: RowName): Promise<RowFacts | string> {
  const { store, bus, workerUrl } = places
  const wanted = name.kind === 'source' ? name.source.tenantId : name.tenant
  const tenant = await tenantOf(store, name)
  if (tenant === undefined) return `There is no tenant ${wanted}.`
  // By its id the ledger finds it, in whichever dataset; by its source the record says its id.
  const known =
    name.kind === 'event' ? await settledAs(store, tenant.id, name.eventId, { slug: name.dataset }) : undefined
  const dataset = name.kind === 'event' ? (name.dataset ?? known?.dataset) : undefined
  const shown = name.kind === 'event' ? await previewed(places, tenant.id, name.eventId, dataset) : undefined
  const source = name.kind === 'source' ? name.source : shown?.source
  const record = source === undefined ? undefined : await recordAt(bus, source)
  const eventId = name.kind === 'event' ? name.eventId : record?.eventId
  const settled =
    known ?? (eventId === undefined ? undefined : await settledAs(store, tenant.id, eventId, { id: record?.datasetId }))
  return {
    eventId,
    tenant: tenant.slug,
    dataset: settled?.dataset ?? dataset,
    source,
    receivedAt: record?.receivedAt ?? shown?.receivedAt,
    trace: record?.trace,
    flush: settled,
    snapshotId: settled === undefined ? undefined : await snapshotOf(workerUrl, settled),
  }
}

async function tenantOf(store: Store, name: RowName): Promise<{ id: string; slug: string } | undefined> {
  const [text, value] =
    name.kind === 'source'
      ? ['SELECT id, slug FROM public.tenant_get($1)', name.source.tenantId]
      : ['SELECT id, slug FROM public.tenant_by_slug($1)', name.tenant]
  const [row] = await store.asSystem((sql) => sql.query<{ id: string; slug: string }>(text, [value]), {
    name: 'tenant',
  })
  return row
}

interface RecordSeen {
  readonly eventId: string | undefined
  readonly datasetId: string | undefined
  readonly receivedAt: string | undefined
  readonly trace: RowFacts['trace']
}

/** The record, while it is still there. */
async function recordAt(bus: Bus, { topic, partition, offset }: Source): Promise<RecordSeen | undefined> {
  const [info] = await bus.admin.describeTopics([topic]).catch(() => [])
  if (info === undefined) return undefined
  await using reader = bus.reader()
  const answer = await reader
    .fetch([{ topicId: info.topicId, topic, partition, offset }], { maxBytes: READ_BYTES, maxWaitMs: READ_MS })
    .catch(() => undefined)
  const record = answer?.partitions[0]?.records.find((one) => one.offset === offset)
  if (record === undefined) return undefined
  const header = (name: string): string | undefined =>
    record.headers.find(([key]) => key.toString('latin1') === name)?.[1].toString('latin1')
  const trace = parseTraceparent(header(RECORD_HEADERS.traceparent))
  return {
    eventId: record.key?.toString('latin1'),
    datasetId: header(RECORD_HEADERS.dataset),
    receivedAt: header(RECORD_HEADERS.receivedAt),
    trace: trace === undefined ? undefined : { traceId: trace.traceId, sampled: trace.sampled },
  }
}

/** Where the row came from, if it is among the newest. */
async function previewed(
  { apiUrl, key }: RowPlaces,
  tenantId: string,
  eventId: string,
  dataset: string | undefined,
): Promise<{ source: Source | undefined; receivedAt: string | undefined } | undefined> {
  if (dataset === undefined) return undefined
  const columns = '_event_id,_source,_received_at'
  const url = `${apiUrl}/v1/datasets/${encodeURIComponent(dataset)}/preview?limit=${PREVIEW_ROWS}&columns=${columns}`
  const heard = await ask(url, { headers: actingFor(tenantId, key), timeoutMs: 15_000 })
  const rows = heard.kind === 'answered' ? memberOf(heard.answer.json, 'rows') : undefined
  const row: unknown = Array.isArray(rows) ? rows.find((one) => textOf(one, '_event_id') === eventId) : undefined
  if (row === undefined) return undefined
  return { source: sourceOf(textOf(row, '_source') ?? ''), receivedAt: textOf(row, '_received_at') }
}

type Settled = NonNullable<RowFacts['flush']> & { readonly dataset: string }

/** What the ledger knows of the id: it forgets after PULSE_DEDUP_DAYS. */
async function settledAs(
  store: Store,
  tenantId: string,
  eventId: string,
  dataset: { readonly slug?: string | undefined; readonly id?: string | undefined },
): Promise<Settled | undefined> {
  if (!isUuid(eventId)) return undefined
  const { slug, id } = dataset
  const rows = await store.asTenant(
    tenantId,
    (sql) =>
      sql.query<{ dataset: string; flushId: string; committedAt: Date; worker: string }>(
        `SELECT d.slug AS dataset, f.flush_id AS "flushId", f.committed_at AS "committedAt", f.worker
         FROM public.pdm_datasets d
         JOIN public.processed_event_ids p ON p.dataset_number = d.number AND p.event_id = $1
         JOIN public.flushes f ON f.flush_number = p.flush_number
         WHERE ($2::text IS NULL OR d.slug = $2) AND ($3::uuid IS NULL OR d.id = $3)
         ORDER BY f.flush_number LIMIT 1`,
        [eventId, slug ?? null, id !== undefined && isUuid(id) ? id : null],
      ),
    { name: 'ledger' },
  )
  const [row] = rows
  return row === undefined ? undefined : { ...row, committedAt: new Date(row.committedAt).toISOString() }
}

async function snapshotOf(workerUrl: string, { flushId, dataset }: Settled): Promise<string | undefined> {
  const spans = await spansOf(workerUrl, flushId.replaceAll('-', ''))
  const flush = spans.find(
    ({ name, attributes }) => name === 'flush dataset' && textOf(attributes, 'pulse.dataset.id') === dataset,
  )
  return textOf(flush?.attributes, 'pulse.iceberg.snapshot_id')
}
