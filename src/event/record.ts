/** The record on the bus: what an accepted event looks like between the two planes (docs/concepts/record.md). */

/** `pulse.{tenant}.events.raw`, `{tenant}` being the tenant's id. */
export const rawTopic = (tenantId: string): string => `pulse.${tenantId}.events.raw`
export const dlqTopic = (tenantId: string): string => `pulse.${tenantId}.events.dlq`

export const RECORD_HEADERS = {
  dataset: 'pulse-dataset',
  schema: 'pulse-schema',
  receivedAt: 'pulse-received-at',
  traceparent: 'traceparent',
  reason: 'pulse-reason',
  error: 'pulse-error',
  source: 'pulse-source',
} as const

/** Why a record became a dead letter: a closed set. */
export const DEAD_LETTER_REASONS = [
  'malformed',
  'unknown_dataset',
  'invalid',
  'unconvertible',
  'too_large',
  'table_unavailable',
] as const
export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number]
