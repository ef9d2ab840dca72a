import { ENTITY_KINDS, type EntityKind } from '../../registry/index.ts'

const WHAT: Readonly<Record<EntityKind, string>> = {
  class: 'A class says what all schemas of it have in common; those of Pulse are seen by every tenant.',
  field_group: 'A field group is a set of properties that schemas of its class take in.',
  datatype: 'A datatype is a definition that others refer to by `{"$ref": "<its uri>"}`.',
  schema: 'A schema is its class, its field groups and its own definition together: what a dataset takes.',
  descriptor:
    'A descriptor says something about a place of a schema: identity, relationship, label, friendly name, rename.',
}

const entityWords = (): Record<string, string> =>
  Object.fromEntries(
    (Object.entries(ENTITY_KINDS) as [EntityKind, { collection: string; noun: string }][]).flatMap(
      ([kind, { collection, noun }]) => [
        [
          `POST /v1/${collection}`,
          `${WHAT[kind]} It begins as a draft that can be changed; a new version is a new \`uri\` that \`supersedes\` the old one.`,
        ],
        [`GET /v1/${collection}`, `${WHAT[kind]} Filters that are given hold together.`],
        [`GET /v1/${collection}/{id}`, `${WHAT[kind]} By its id; \`?uri=\` on the list finds one by URI.`],
        [
          `PATCH /v1/${collection}/{id}`,
          `Changes a draft, or with \`{"status": "published"}\` publishes it: from then on the definition of the ${noun} never changes. The lifecycle only goes forward: draft, published, archived.`,
        ],
        [
          `DELETE /v1/${collection}/{id}`,
          'Archives it: nothing new can refer to it, and what does goes on. Nothing is erased.',
        ],
      ],
    ),
  )

/** What operations do, by method and path, for the routes that do not say it themselves. */
export const DESCRIPTIONS: Readonly<Record<string, string>> = {
  'GET /health': 'Always 200 while this process serves, whatever it depends on: what a liveness probe asks.',
  'GET /ready': 'Whether what the API depends on answers: what a readiness probe asks. It answers within a second.',
  'GET /metrics/': 'In the format that `Accept` asks for. The names are in the reference of metrics.',
  'POST /v1/tenants':
    'Makes the tenant, its topics and its namespace in the lake. The same slug again finishes one that was begun.',
  'GET /v1/tenants': 'The operator sees all; a key of a tenant sees its own.',
  'GET /v1/tenants/{id}': 'The operator sees any; a key of a tenant sees its own.',
  'PATCH /v1/tenants/{id}':
    'Renames, limits or suspends it. Every process knows within two seconds; what was accepted before is still stored.',
  ...entityWords(),
  'POST /v1/datasets':
    'Binds a published schema and makes the Iceberg table for it, partitioned by the day of `timestamp`.',
  'GET /v1/datasets': 'With what is in each table. Facts are null where the lake could not be asked.',
  'GET /v1/datasets/{dataset}': 'With what is in its table: rows, files, bytes, the newest snapshot and where it lies.',
  'PATCH /v1/datasets/{dataset}':
    'A new name, or another version of its schema: the table gains and widens columns, and no row is lost. What would break it is refused with every reason.',
  'GET /v1/datasets/{dataset}/preview':
    'Rows of one snapshot, latest `timestamp` first. Decimals are strings, and so are whole numbers beyond 2^53.',
  'POST /v1/collect':
    'One event, `{"events": […]}`, or one event a line; packed with gzip or zstd if you like. One verdict per event, in order: one bad event never stops its neighbours. Accepted means acknowledged by the bus with all replicas in sync; the same `event_id` twice makes one row.',
  'POST /v1/keys': 'The key itself is in this answer only. Nobody can give a scope that he has not.',
  'GET /v1/keys': 'Without their secrets, which are kept nowhere.',
  'GET /v1/keys/{id}': 'Without its secret, which is kept nowhere.',
  'DELETE /v1/keys/{id}': 'It stays in the list as revoked, and is refused everywhere within two seconds.',
  'POST /v1/keys/{id}/rotate':
    'The new key has the name, scopes, limits and end of the old one, which holds on for the overlap.',
}

/** What parameters mean, by name, where their schema does not say. */
export const PARAMETERS: Readonly<Record<string, string>> = {
  id: 'The id that the answer to its creation has.',
  dataset: 'The slug or the id of a dataset.',
  event_id: 'The id of an event: the one you chose, or the one that collect answered.',
  limit: 'How many at most.',
  slug: 'The one of this slug.',
  status: 'Those in this state.',
  kind: 'Those of this kind.',
  snapshot_id: 'An earlier snapshot; left out, the newest.',
  int64: 'With `string`, every 64-bit number is a string.',
}

export const TAGS: readonly { readonly name: string; readonly description: string }[] = [
  { name: 'collect', description: 'Events come in here.' },
  { name: 'tenants', description: 'Whose events: for the operator.' },
  { name: 'keys', description: 'Who may do what for a tenant.' },
  { name: 'schemas', description: 'What events look like: composed of a class, field groups and datatypes.' },
  { name: 'classes', description: 'What schemas of a kind have in common.' },
  { name: 'field-groups', description: 'Properties that schemas take in.' },
  { name: 'datatypes', description: 'Definitions that others refer to.' },
  { name: 'descriptors', description: 'What is said about places of a schema.' },
  { name: 'datasets', description: 'Where events of a schema are kept: Iceberg tables, their rows and their facts.' },
  { name: 'batches', description: 'Files of rows: uploaded, followed while they run, with a verdict a line.' },
  { name: 'dead letters', description: 'Events that could not become rows: seen, corrected and sent again.' },
  { name: 'audit', description: 'Who changed what, and when.' },
  { name: 'health', description: 'For probes and scrapers.' },
]

/** What a reader is told before the first operation. */
export const INTRODUCTION = `A multi-tenant event platform: collect events, keep them exactly once in Apache Iceberg.

**To begin:** make a tenant (\`POST /v1/tenants\`), a schema of the class of events (\`POST /v1/schemas\`, or let \`POST /v1/schemas/infer\` propose one), publish it (\`PATCH\` its status), bind a dataset to it (\`POST /v1/datasets\`), send events (\`POST /v1/collect\`) and look at the rows (\`GET /v1/datasets/{dataset}/preview\`).

**Who asks:** \`X-Tenant-ID\` names the tenant; where Pulse runs with keys, \`Authorization: Bearer pulse_…\` does.

**Errors** are problem documents (RFC 9457): decide by \`code\`, do what \`detail\` says, find the place in \`errors\`. 429 and 503 say in \`Retry-After\` when to try again.

**Lists** answer \`{items, next_cursor}\`, newest first; \`?cursor=\` goes on. **Times** are RFC 3339 in UTC. **Changes** take \`If-Match\` with the \`ETag\` of what you saw.`
