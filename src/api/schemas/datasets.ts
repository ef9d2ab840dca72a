import { Type } from 'typebox'
import { FILTER, Id, Name, PAGE_QUERY, Slug, Time, Uri, closed, nullable, pageOf } from './wire.ts'

const MEMBERS = {
  id: Id,
  slug: Slug,
  name: Name,
  schema_uri: Uri,
  schema_id: Id,
  table: Type.String({ examples: ['pulse_0193….page-views'] }),
  created_at: Time,
  updated_at: Time,
}
export const DatasetDocument = Type.Object(MEMBERS)
/** With the table's facts; all null where the lake could not be asked for a list. */
export const DatasetWithFacts = Type.Object({
  ...MEMBERS,
  rows: nullable(Type.Integer()),
  files: nullable(Type.Integer()),
  bytes: nullable(Type.Integer()),
  snapshot_id: nullable(Type.String()),
  committed_at: nullable(Time),
  location: nullable(Type.String()),
})
export const DatasetPage = pageOf(DatasetWithFacts)
export const CreateDataset = closed(
  { slug: Slug, name: Name, schema_uri: Uri },
  { examples: [{ slug: 'page-views', name: 'Page views', schema_uri: 'https://example.com/schemas/page-view' }] },
)
export const PatchDataset = closed(
  { name: Type.Optional(Name), schema_uri: Type.Optional(Uri) },
  {
    minProperties: 1,
    examples: [{ name: 'Views of pages' }, { schema_uri: 'https://example.com/schemas/page-view/2' }],
  },
)
export const DatasetQuery = closed({
  ...PAGE_QUERY,
  schema_uri: Type.Optional(Type.String({ ...FILTER, description: 'Those bound to this schema.' })),
})

export const PreviewQuery = closed({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 50 })),
  columns: Type.Optional(
    Type.String({ minLength: 1, maxLength: 10_000, description: 'Column names with commas between.' }),
  ),
  snapshot_id: Type.Optional(Type.String({ pattern: '^[0-9]{1,19}$' })),
  int64: Type.Optional(Type.Literal('string')),
  mask: Type.Optional(
    Type.Enum(['pii', 'none'], {
      description:
        'pii: what is labelled so is shown as ***. Left out: pii for a key without the scope pii, else none.',
    }),
  ),
})
export const PreviewDocument = Type.Object({
  dataset: Type.String(),
  snapshot_id: nullable(Type.String()),
  committed_at: nullable(Time),
  total_rows: Type.Integer(),
  columns: Type.Array(
    Type.Object({
      name: Type.String(),
      type: Type.String(),
      masked: Type.Optional(
        Type.Array(Type.String(), { description: 'Where values are shown as ***: the column, or places in it.' }),
      ),
    }),
  ),
  rows: Type.Array(Type.Object({}, { additionalProperties: true })),
})
