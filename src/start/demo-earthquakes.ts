import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/**
 * The demo's data: a week of earthquakes as the USGS published them (GeoJSON, nested), from the npm
 * package `vega-datasets`. Nothing is invented: each feature is sent as it stands, with the
 * `timestamp` that a dataset needs taken from its own `properties.time`.
 */
interface Earthquake {
  readonly id: string
  readonly properties: { readonly time: number; readonly mag: number; readonly place: string }
}

interface QuakeEvent {
  readonly dataset: string
  readonly event_id: string
  readonly data: Readonly<Record<string, unknown>>
}

export const SCHEMA_URI = 'https://ns.azothedge.com/pdm/schema/earthquake-demo'

const text = { type: 'string' } as const
const integer = { type: 'integer' } as const
const number = { type: 'number' } as const
const orNull = (type: string): { type: readonly string[] } => ({ type: [type, 'null'] })

/** What one earthquake looks like: closed at every depth, because nothing says otherwise. */
export const DEFINITION = {
  type: 'object',
  required: ['timestamp', 'id', 'type', 'properties', 'geometry'],
  properties: {
    timestamp: { type: 'string', format: 'date-time' },
    id: text,
    type: { enum: ['Feature'], type: 'string' },
    properties: {
      type: 'object',
      required: ['mag', 'place', 'time', 'updated', 'status', 'title'],
      properties: {
        mag: number,
        place: text,
        time: integer,
        updated: integer,
        tz: integer,
        url: text,
        detail: text,
        felt: orNull('integer'),
        cdi: orNull('number'),
        mmi: orNull('number'),
        alert: orNull('string'),
        status: text,
        tsunami: integer,
        sig: integer,
        net: text,
        code: text,
        ids: text,
        sources: text,
        types: text,
        nst: orNull('integer'),
        dmin: orNull('number'),
        rms: orNull('number'),
        gap: orNull('number'),
        magType: text,
        type: text,
        title: text,
      },
    },
    geometry: {
      type: 'object',
      required: ['type', 'coordinates'],
      properties: { type: text, coordinates: { type: 'array', items: number, minItems: 2, maxItems: 3 } },
    },
  },
} as const

/** Reads the features. Throws when the package `vega-datasets` is not installed. */
export async function readEarthquakes(): Promise<readonly Earthquake[]> {
  const folder = new URL('../data/', import.meta.resolve('vega-datasets'))
  const collection = JSON.parse(await readFile(new URL('earthquakes.json', folder), 'utf8')) as {
    features: Earthquake[]
  }
  return collection.features
}

/** An earthquake as an event. Its id follows from the USGS's, so sending it again can add no row. */
export function eventOf(quake: Earthquake, dataset: string): QuakeEvent {
  const timestamp = new Date(quake.properties.time).toISOString()
  return { dataset, event_id: nameBasedId(`usgs:${quake.id}`), data: { timestamp, ...quake } }
}

/** A UUID version 8 (RFC 9562 section 5.8): the first bits of the name's SHA-256. */
export function nameBasedId(name: string): string {
  const bytes = createHash('sha256').update(name).digest().subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
