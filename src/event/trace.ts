import { withRandom } from './randomness.ts'

/** A position in a trace (W3C Trace Context, `traceparent`). */
export interface Traceparent {
  /** 32 hex digits, lower case. */
  readonly traceId: string
  /** 16 hex digits, lower case. */
  readonly spanId: string
  readonly sampled: boolean
  /** The header's text, version 00. */
  readonly header: string
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)

/** The position that these ids name. */
export const traceparentOf = (traceId: string, spanId: string, sampled: boolean): Traceparent => ({
  traceId,
  spanId,
  sampled,
  header: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`,
})

const hex = (bytes: number): string => withRandom(bytes, (pool, at) => pool.toString('hex', at, at + bytes))

/** A new trace, or with `traceId` a new position in that trace. All-zero ids have odds of 2^-64 and are drawn again. */
export function mintTraceparent(sampled = false, traceId?: string): Traceparent {
  let trace = traceId ?? hex(16)
  while (trace === NO_TRACE) trace = hex(16)
  return traceparentOf(trace, mintSpanId(), sampled)
}

/** 16 hex digits, not all zero. */
export function mintSpanId(): string {
  let span = hex(8)
  while (span === NO_SPAN) span = hex(8)
  return span
}

/** Reads a `traceparent` header; undefined where it is absent or not usable (section 3.2.2 and 4.3 of the specification). */
export function parseTraceparent(header: string | undefined): Traceparent | undefined {
  if (header === undefined || header.length > 512) return undefined
  const parts = TRACEPARENT.exec(header)
  if (parts === null) return undefined
  const [, version, traceId, spanId, flags, rest] = parts as unknown as [
    string,
    string,
    string,
    string,
    string,
    string?,
  ]
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined
  return traceparentOf(traceId, spanId, (Number.parseInt(flags, 16) & 1) === 1)
}
