import type { Alert } from './alert.ts'
import { BURNS } from './burns.ts'
import { DOOR_ALERTS } from './door.ts'
import { INGEST_ALERTS } from './ingest.ts'
import { INTEGRITY_ALERTS } from './integrity.ts'
import { LAKE_ALERTS } from './lake.ts'
import { TELEMETRY_ALERTS } from './telemetry.ts'

/** Every alerting rule but the burns, by what they watch. */
export const ALERT_GROUPS: Readonly<Record<string, readonly Alert[]>> = {
  'pulse-door': DOOR_ALERTS,
  'pulse-ingest': INGEST_ALERTS,
  'pulse-integrity': INTEGRITY_ALERTS,
  'pulse-lake': LAKE_ALERTS,
  'pulse-telemetry': TELEMETRY_ALERTS,
}

/** Every alerting rule. */
export const ALERTS: readonly Alert[] = [...Object.values(ALERT_GROUPS).flat(), ...BURNS]
