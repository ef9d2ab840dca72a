import { RECORD_HEADERS } from '../event/index.ts'
import type { FetchedRecord } from '../bus/index.ts'

/** Headers as a record has them; bytes that are no text are kept as bytes. */
export type KeptHeaders = ReadonlyArray<readonly [string | Buffer, string | Buffer]>

/**
 * A record's headers, read with a memory of the record before: neighbours mostly share them, and
 * comparing 36 bytes is several times cheaper than making a string of them.
 */
export interface HeaderReader {
  datasetId: string
  schemaId: string
  receivedAt: string
  traceparent: string
  /** Whether the ids were given in lower case. */
  datasetExact: boolean
  schemaExact: boolean
  /** False where the record's headers are not exactly the four of Pulse in their order and spelling. */
  usual: boolean
  readonly last: { dataset: Buffer; schema: Buffer; receivedAt: Buffer; traceparent: Buffer }
}

const NONE = Buffer.alloc(0)
const DATASET = Buffer.from(RECORD_HEADERS.dataset)
const SCHEMA = Buffer.from(RECORD_HEADERS.schema)
const RECEIVED_AT = Buffer.from(RECORD_HEADERS.receivedAt)
const TRACEPARENT = Buffer.from(RECORD_HEADERS.traceparent)

export function openHeaderReader(): HeaderReader {
  return {
    datasetId: '',
    schemaId: '',
    receivedAt: '',
    traceparent: '',
    datasetExact: true,
    schemaExact: true,
    usual: true,
    last: { dataset: NONE, schema: NONE, receivedAt: NONE, traceparent: NONE },
  }
}

/** Reads the four headers into `reader`; '' where one is absent. The first of a name counts. */
export function readHeaders(reader: HeaderReader, record: FetchedRecord): void {
  const headers = record.headers
  const last = reader.last
  let seen = 0
  let usual = headers.length === 4
  for (let i = 0; i < headers.length; i += 1) {
    const header = headers[i] as readonly [Buffer, Buffer]
    const name = header[0]
    const value = header[1]
    switch (nameOf(name)) {
      case 1:
        if (seen & 1) break
        seen |= 1
        usual &&= i === 0
        if (!value.equals(last.dataset)) {
          reader.datasetId = value.toString('latin1').toLowerCase()
          reader.datasetExact = value.toString('latin1') === reader.datasetId
          last.dataset = Buffer.from(value)
        }
        continue
      case 2:
        if (seen & 2) break
        seen |= 2
        usual &&= i === 1
        if (!value.equals(last.schema)) {
          reader.schemaId = value.toString('latin1').toLowerCase()
          reader.schemaExact = value.toString('latin1') === reader.schemaId
          last.schema = Buffer.from(value)
        }
        continue
      case 4:
        if (seen & 4) break
        seen |= 4
        usual &&= i === 2
        if (!value.equals(last.receivedAt)) {
          reader.receivedAt = value.toString('latin1')
          last.receivedAt = Buffer.from(value)
        }
        continue
      case 8:
        if (seen & 8) break
        seen |= 8
        usual &&= i === 3
        if (!value.equals(last.traceparent)) {
          reader.traceparent = value.toString('latin1')
          last.traceparent = Buffer.from(value)
        }
        continue
      default:
    }
    usual = false
  }
  if (seen !== 15) forgetAbsent(reader, seen)
  reader.usual = usual && seen === 15 && reader.datasetExact && reader.schemaExact
}

function forgetAbsent(reader: HeaderReader, seen: number): void {
  if (!(seen & 1)) [reader.datasetId, reader.last.dataset] = ['', NONE]
  if (!(seen & 2)) [reader.schemaId, reader.last.schema] = ['', NONE]
  if (!(seen & 4)) [reader.receivedAt, reader.last.receivedAt] = ['', NONE]
  if (!(seen & 8)) [reader.traceparent, reader.last.traceparent] = ['', NONE]
}

/** The names differ in length, so that only one comparison is needed. */
function nameOf(name: Buffer): number {
  switch (name.length) {
    case DATASET.length:
      return name.equals(DATASET) ? 1 : 0
    case SCHEMA.length:
      return name.equals(SCHEMA) ? 2 : 0
    case RECEIVED_AT.length:
      return name.equals(RECEIVED_AT) ? 4 : 0
    case TRACEPARENT.length:
      return name.equals(TRACEPARENT) ? 8 : 0
    default:
      return 0
  }
}

/** All headers, as they came: copies, because a view would keep the whole answer of the fetch in memory. */
export function copyHeaders(record: FetchedRecord): KeptHeaders {
  return record.headers.map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const)
}

/** What a usual record's headers were, from what its row remembers. */
export function usualHeaders(
  datasetId: string,
  schemaId: string,
  receivedAt: string,
  traceparent: string,
): KeptHeaders {
  return [
    [RECORD_HEADERS.dataset, datasetId],
    [RECORD_HEADERS.schema, schemaId],
    [RECORD_HEADERS.receivedAt, receivedAt],
    [RECORD_HEADERS.traceparent, traceparent],
  ]
}

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-5]):[0-5]\d)$/
/**
 * Whether the header is a time that both a line and a dead letter's column take as it is; where not, the bus's
 * own timestamp is the time of receipt. Stricter than `Date.parse`, which reads 30 February as 1 March and
 * takes offsets that Postgres refuses (16 hours and more): one such letter would fail its tenant's commit for ever.
 */
export function isTime(text: string): boolean {
  const [, year, month, day] = RFC3339.exec(text) ?? []
  if (year === undefined || year === '0000') return false
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day)
}
