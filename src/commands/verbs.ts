import { AUDIT_VERBS } from './audit.ts'
import { BATCH_VERBS } from './batches.ts'
import { DATASET_VERBS } from './datasets.ts'
import { ENTITY_VERBS } from './entities.ts'
import { EVENT_VERBS } from './events.ts'
import { IMPACT_VERBS } from './impact.ts'
import { IMPORT_VERBS } from './import.ts'
import { INFER_VERBS } from './infer.ts'
import { KEY_VERBS } from './keys.ts'
import { LETTER_VERBS } from './letters.ts'
import { LIMIT_VERBS } from './limits.ts'
import { RECEIPT_VERBS } from './receipts.ts'
import { TENANT_VERBS } from './tenants.ts'
import type { Verb } from './verb.ts'

/** Every verb that asks the API, once: help, completion and docs/reference/commands.md are made of this. */
export const VERBS: readonly Verb[] = [
  ...TENANT_VERBS,
  ...KEY_VERBS,
  ...LIMIT_VERBS,
  ...ENTITY_VERBS,
  ...INFER_VERBS,
  ...IMPACT_VERBS,
  ...DATASET_VERBS,
  ...EVENT_VERBS,
  ...IMPORT_VERBS,
  ...BATCH_VERBS,
  ...RECEIPT_VERBS,
  ...LETTER_VERBS,
  ...AUDIT_VERBS,
]

/** What the first word of two is about. */
export const GROUPS: Readonly<Record<string, string>> = {
  tenant: 'who uses this Pulse',
  key: 'who may come in for a tenant',
  schema: 'what events look like',
  'field-group': 'fields that schemas share',
  class: 'what schemas build on',
  datatype: 'objects that fields share',
  descriptor: 'what is said about a schema',
  dataset: 'where events are kept',
  events: 'events on their way in',
  batch: 'files on their way in',
  'dead-letters': 'accepted events that could not become rows',
}
