import type { AlertCase, RecordCase } from './case.ts'
import { DOOR_CASES } from './door.ts'
import { INGEST_CASES } from './ingest.ts'
import { INTEGRITY_CASES } from './integrity.ts'
import { LAKE_CASES } from './lake.ts'
import { BURN_CASES, SLO_RECORD_CASES } from './slos.ts'
import { TENANT_RECORD_CASES } from './tenants.ts'

export const ALERT_CASES: readonly AlertCase[] = [
  ...DOOR_CASES,
  ...INGEST_CASES,
  ...INTEGRITY_CASES,
  ...LAKE_CASES,
  ...BURN_CASES,
]
export const RECORD_CASES: readonly RecordCase[] = [...TENANT_RECORD_CASES, ...SLO_RECORD_CASES]
