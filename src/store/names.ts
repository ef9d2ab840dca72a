/**
 * What a transaction is for, so that the time that Postgres takes can be told apart by it. Closed, because each is a
 * series of `pulse_db_query_seconds` (the catalogue's list is the same; a test compares). `other`: it named nothing.
 */
export const TRANSACTION_NAMES = [
  'audit',
  'batch',
  'binding',
  'canary',
  'catalog',
  'claim',
  'commit',
  'dataset',
  'dead_letters',
  'entity',
  'heartbeat',
  'intent',
  'key',
  'ledger',
  'limit',
  'ping',
  'relay',
  'tenant',
  'topic',
  'upkeep',
  'other',
] as const
export type TransactionName = (typeof TRANSACTION_NAMES)[number]
