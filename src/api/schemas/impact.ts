import { Type } from 'typebox'
import { Slug, Uri, closed, nullable } from './wire.ts'

const Place = Type.String({
  description: 'Where the member lies in an event’s data (RFC 6901); * stands for a list’s items or a map’s values.',
})
const changed = { pointer: Place, field_id: Type.Integer() }
const Typed = Type.Object({ ...changed, type: Type.String() })
const Moved = Type.Object({ ...changed, from: Type.String(), to: Type.String() })
const counts = { sampled: Type.Integer(), passed: Type.Integer(), failed: Type.Integer() }
const unsure =
  'might fare otherwise: a row does not tell whether a member was null or absent, nor how an instant, a time, a decimal or a uuid was written.'

const DATASET = 'page-views'
const URI = 'https://example.com/schemas/page-view/2'

export const AskImpact = closed(
  {
    dataset: Type.String({ minLength: 1, maxLength: 100, description: 'Slug or id.' }),
    last: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        default: 1_000,
        description: 'How many of the newest rows, and of the newest dead letters, are judged.',
      }),
    ),
  },
  { examples: [{ dataset: DATASET, last: 1_000 }] },
)

export const ImpactDocument = Type.Object(
  {
    dataset: Slug,
    schema_uri: Uri,
    columns: Type.Object({
      added: Type.Array(Typed),
      widened: Type.Array(Moved),
      renamed: Type.Array(Moved),
      dropped: Type.Array(Typed, { description: 'Stay in the table and are filled no longer.' }),
      relaxed: Type.Array(Type.Object(changed), { description: 'Required before, optional from then on.' }),
    }),
    breaking: Type.Array(Type.Object({ pointer: Place, reason: Type.String() }), {
      description: 'Why the dataset could not be bound to it; empty: it could.',
    }),
    sampled: Type.Integer(),
    passed: Type.Integer(),
    failed: Type.Integer(),
    rows: Type.Object({ ...counts, unsure: Type.Integer({ description: `How many of these ${unsure}` }) }),
    dead_letters: Type.Object(counts),
    complete: Type.Boolean({ description: 'False: time was up before all that was asked for was judged.' }),
    examples: Type.Array(
      Type.Object({
        of: Type.Enum(['row', 'dead_letter']),
        event_id: nullable(Type.String()),
        unsure: Type.Optional(Type.Literal(true, { description: `It ${unsure}` })),
        errors: Type.Array(Type.Object({ pointer: Type.String(), keyword: Type.String(), message: Type.String() })),
      }),
      { description: 'Up to ten that would, or might, be refused, and why.' },
    ),
  },
  {
    examples: [
      {
        dataset: DATASET,
        schema_uri: URI,
        columns: {
          added: [{ pointer: '/campaign', field_id: 9, type: 'string' }],
          widened: [{ pointer: '/visits', field_id: 6, from: 'int', to: 'long' }],
          renamed: [],
          dropped: [],
          relaxed: [],
        },
        breaking: [],
        sampled: 1_012,
        passed: 1_010,
        failed: 2,
        rows: { sampled: 1_000, passed: 999, failed: 1, unsure: 0 },
        dead_letters: { sampled: 12, passed: 11, failed: 1 },
        complete: true,
        examples: [
          {
            of: 'row',
            event_id: '0193a5b1-c2d3-7e4f-8a9b-0c1d2e3f4a5b',
            errors: [{ pointer: '/data/page', keyword: 'maxLength', message: 'must have at most 200 characters' }],
          },
        ],
      },
    ],
  },
)
