import { Problem } from '../problems/index.ts'

/** What a file is made of. */
export type Format = 'ndjson' | 'json' | 'csv' | 'parquet'

const FORMATS: ReadonlyMap<string, Format> = new Map([
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
  ['application/json', 'json'],
  ['text/csv', 'csv'],
  ['application/vnd.apache.parquet', 'parquet'],
  ['application/x-parquet', 'parquet'],
])

/** What a `Content-Type` says of a file. Throws `unsupported_media_type`, for other charsets than UTF-8 too. */
export function formatOf(contentType: string | undefined): Format {
  const [essence = '', ...parameters] = (contentType ?? '')
    .toLowerCase()
    .split(';')
    .map((one) => one.trim())
  const format = FORMATS.get(essence)
  if (format === undefined)
    throw new Problem(
      'unsupported_media_type',
      `${essence === '' ? 'No content type was sent' : `"${essence.slice(0, 80)}" is no file that can be read here`}. Send application/x-ndjson, application/json (an array of objects), text/csv or application/vnd.apache.parquet.`,
    )
  const charset = parameters
    .find((one) => one.startsWith('charset='))
    ?.slice(8)
    .replaceAll('"', '')
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii')
    throw new Problem('unsupported_media_type', `Files are UTF-8; the charset "${charset.slice(0, 40)}" is not read.`)
  return format
}
