import { ENTITY_KINDS } from '../../registry/index.ts'

const camel = (words: string): string => words.replaceAll(/[ _](\w)/g, (_, letter: string) => letter.toUpperCase())
const capital = (words: string): string => camel(` ${words}`)

const entityNames = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(ENTITY_KINDS).flatMap(([kind, { collection }]) => [
      [`POST /v1/${collection}`, `create${capital(kind)}`],
      [`GET /v1/${collection}`, `list${capital(collection.replaceAll('-', ' '))}`],
      [`GET /v1/${collection}/{id}`, `get${capital(kind)}`],
      [`PATCH /v1/${collection}/{id}`, `update${capital(kind)}`],
      [`DELETE /v1/${collection}/{id}`, `archive${capital(kind)}`],
    ]),
  )

/** What a generated client calls each operation: for ever, as it is a name in somebody's code. */
export const OPERATION_IDS: Readonly<Record<string, string>> = {
  'GET /health': 'getHealth',
  'GET /ready': 'getReadiness',
  'GET /metrics/': 'getMetrics',
  'POST /v1/tenants': 'createTenant',
  'GET /v1/tenants': 'listTenants',
  'GET /v1/tenants/{id}': 'getTenant',
  'PATCH /v1/tenants/{id}': 'updateTenant',
  ...entityNames(),
  'POST /v1/schemas/{id}/impact': 'foreseeImpact',
  'POST /v1/schemas/infer': 'inferSchema',
  'POST /v1/datasets': 'createDataset',
  'GET /v1/datasets': 'listDatasets',
  'GET /v1/datasets/{dataset}': 'getDataset',
  'PATCH /v1/datasets/{dataset}': 'updateDataset',
  'GET /v1/datasets/{dataset}/preview': 'previewDataset',
  'POST /v1/collect': 'collectEvents',
  'GET /v1/events/{event_id}': 'getReceipt',
  'POST /v1/datasets/{dataset}/batch': 'uploadBatch',
  'GET /v1/batches': 'listBatches',
  'GET /v1/batches/{id}': 'getBatch',
  'GET /v1/batches/{id}/results': 'getBatchResults',
  'GET /v1/datasets/{dataset}/dead-letters': 'listDeadLetters',
  'GET /v1/datasets/{dataset}/dead-letters/{id}': 'getDeadLetter',
  'POST /v1/datasets/{dataset}/dead-letters/{id}/replay': 'replayDeadLetter',
  'POST /v1/datasets/{dataset}/dead-letters/replay': 'replayDeadLetters',
  'GET /v1/dead-letters': 'listDeadLettersOfTenant',
  'GET /v1/dead-letters/{id}': 'getDeadLetterOfTenant',
  'POST /v1/dead-letters/{id}/replay': 'replayDeadLetterOfTenant',
  'POST /v1/dead-letters/replay': 'replayDeadLettersOfTenant',
  'POST /v1/keys': 'createKey',
  'GET /v1/keys': 'listKeys',
  'GET /v1/keys/{id}': 'getKey',
  'PATCH /v1/keys/{id}': 'updateKey',
  'DELETE /v1/keys/{id}': 'revokeKey',
  'POST /v1/keys/{id}/rotate': 'rotateKey',
  'GET /v1/audit': 'listAudit',
  'GET /v1/operator/audit': 'listOperatorAudit',
}
