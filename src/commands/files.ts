import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { Mistaken, type Call } from './verb.ts'

/** A file that is to be uploaded. */
export interface UploadFile {
  /** Undefined of standard input. */
  readonly bytes: number | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly type: string
  /** Whether it can be sent from the middle on: what lies before is then not sent again. */
  readonly isSeekable: boolean
  /** Its bytes from there on. Rejects with `Mistaken` where they cannot be had again. */
  open(from: number): Promise<Readable>
}

export const FORMATS = {
  ndjson: 'application/x-ndjson',
  json: 'application/json',
  csv: 'text/csv',
  parquet: 'application/vnd.apache.parquet',
}
const ENDINGS: Readonly<Record<string, keyof typeof FORMATS>> = {
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  json: 'json',
  csv: 'csv',
  tsv: 'csv',
  parquet: 'parquet',
}
const PACKED: Readonly<Record<string, string>> = { gz: 'gzip', zst: 'zstd' }

/** What a file's name says of it (`visits.csv.gz`): its kind, and how it is packed. */
export function saidByName(name: string): {
  readonly kind: keyof typeof FORMATS | undefined
  readonly coding?: string
} {
  const parts = name.toLowerCase().split('.')
  const coding = PACKED[parts.at(-1) ?? '']
  const kind = ENDINGS[parts.at(coding === undefined ? -1 : -2) ?? '']
  return coding === undefined ? { kind } : { kind, coding }
}

/** What is sent of a file: by its name, where `format` does not say. Rejects with `Mistaken`. */
export async function fileOf(call: Pick<Call, 'open'>, name: string, format: string | undefined): Promise<UploadFile> {
  const { kind, coding } = saidByName(name)
  const found = format ?? kind
  if (found === undefined)
    throw new Mistaken(`What is in ${name} its name does not say: --format ${Object.keys(FORMATS).join(', ')}.`)
  const headers = coding === undefined ? {} : { 'content-encoding': coding }
  const type = FORMATS[found as keyof typeof FORMATS]
  if (name !== '-') {
    const { size } = await check(call, name)
    const open = async (from: number): Promise<Readable> =>
      createReadStream(name, { start: from, highWaterMark: 1 << 18 })
    return { bytes: size, headers, type, isSeekable: coding === undefined && found !== 'parquet', open }
  }
  let isTaken = false
  return {
    bytes: undefined,
    headers,
    type,
    isSeekable: false,
    async open() {
      if (isTaken)
        throw new Mistaken(
          'Standard input cannot be read again: send it again from its beginning; no row is added twice.',
        )
      isTaken = true
      return call.open('-')
    },
  }
}

/** That it is there and is a file; the sentences are those of every file that a command reads. */
async function check(call: Pick<Call, 'open'>, name: string): Promise<{ readonly size: number }> {
  ;(await call.open(name)).destroy()
  return stat(name)
}
