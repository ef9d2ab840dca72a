import type { Readable } from 'node:stream'
import { arrayElements, onOneLine, skipSpace, trimEnd } from '../event/index.ts'
import { BOM } from './input.ts'
import { Mistaken } from './verb.ts'

/** An event of a file: its text on one line, byte for byte, and where it began (1 is the first line, or element). */
export interface Line {
  readonly at: number
  readonly text: Buffer
}

/** An array, or one object over many lines, is read whole; so large at most. Lines of NDJSON may be any number. */
const MOST_BYTES = 64 << 20
const LINE_FEED = 0x0a
const BRACKET = 0x5b

/**
 * The JSON values of a file: lines of NDJSON, the elements of one array, or one value over many lines. A line that is
 * no JSON goes as it is: the API says what is wrong with it. Rejects with `Mistaken` where the file is none of these.
 */
export async function* linesOf(source: Readable, name: string): AsyncGenerator<Line> {
  const held = { parts: [] as Buffer[], bytes: 0 }
  const take = (): Buffer => {
    const all = held.parts.length === 1 ? (held.parts[0] as Buffer) : Buffer.concat(held.parts as Uint8Array[])
    held.parts = []
    held.bytes = 0
    return all
  }
  const hold = (part: Buffer): void => {
    if (part.length > 0) held.parts.push(part)
    held.bytes += part.length
    if (held.bytes <= MOST_BYTES) return
    throw new Mistaken(
      `${name} has more than ${MOST_BYTES >> 20} MiB in one line or array: send NDJSON, one event a line.`,
    )
  }
  let at = 0
  let kind: 'unknown' | 'lines' | 'whole' = 'unknown'
  for await (const part of source as AsyncIterable<Buffer>) {
    hold(part)
    if (kind === 'whole' || !part.includes(LINE_FEED)) continue
    let rest = take()
    for (let end = rest.indexOf(LINE_FEED); end >= 0; end = rest.indexOf(LINE_FEED)) {
      const line = at === 0 ? withoutBom(rest.subarray(0, end)) : rest.subarray(0, end)
      if (kind === 'unknown' && !isBlank(line)) kind = isOneValue(line) ? 'lines' : 'whole'
      if (kind === 'whole') break
      rest = rest.subarray(end + 1)
      at += 1
      if (!isBlank(line)) yield { at, text: textOf(line) }
    }
    hold(rest)
  }
  const rest = take()
  if (kind !== 'lines') yield* valuesOf(withoutBom(rest), name)
  else if (!isBlank(rest)) yield { at: at + 1, text: textOf(rest) }
}

const isBlank = (bytes: Buffer): boolean => skipSpace(bytes, 0, bytes.length) === bytes.length
const withoutBom = (bytes: Buffer): Buffer => (bytes.subarray(0, 3).equals(BOM) ? bytes.subarray(3) : bytes)
const textOf = (bytes: Buffer): Buffer =>
  bytes.subarray(skipSpace(bytes, 0, bytes.length), trimEnd(bytes, 0, bytes.length))

/** One whole value on the line, and no array: then the file is lines. */
function isOneValue(line: Buffer): boolean {
  if (line[skipSpace(line, 0, line.length)] === BRACKET) return false
  try {
    JSON.parse(line.toString('utf8'))
    return true
  } catch {
    return false
  }
}

function* valuesOf(bytes: Buffer, name: string): Generator<Line> {
  const start = skipSpace(bytes, 0, bytes.length)
  if (start === bytes.length) return
  try {
    JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new Mistaken(
      `${name} is neither lines of JSON nor one JSON array: ${(error as Error).message}. CSV and Parquet go with pulse import.`,
    )
  }
  if (bytes[start] !== BRACKET) {
    yield { at: 1, text: onOneLine(bytes, start, bytes.length) }
    return
  }
  const found = arrayElements(bytes, start, bytes.length)
  for (const [index, { start: from, end }] of (found?.elements ?? []).entries())
    yield { at: index + 1, text: onOneLine(bytes, from, end) }
}
