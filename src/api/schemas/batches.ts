import { Type } from 'typebox'
import { Id, Time, closed, nullable } from './wire.ts'

const Standing = {
  batch_id: Id,
  dataset: Type.String({ description: 'Slug.' }),
  format: Type.Enum(['ndjson', 'json', 'csv', 'parquet']),
  status: Type.Enum(['running', 'interrupted', 'done', 'failed'], {
    description:
      '`interrupted`: nobody sends it on; send the rest, or the whole file, with the same `upload-id`. `failed`: the file itself cannot be read on.',
  }),
  accepted: Type.Integer({
    description: 'Rows that the bus has acknowledged. A repeated one is accepted, and is no second row.',
  }),
  rejected: Type.Integer(),
  upload_offset: Type.Integer({ description: 'Bytes of the unpacked file that are settled. Always 0 for Parquet.' }),
  results_url: Type.String({ description: 'Where the rejected rows are, one a line.' }),
  problem: nullable(Type.Object({ code: Type.String(), detail: Type.String() })),
  created_at: Time,
  updated_at: Time,
  finished_at: nullable(Time),
}
const EXAMPLE = {
  batch_id: '01937a2e-7c1a-7d5e-9f60-2a4b6c8d0e1f',
  dataset: 'bird-strikes',
  format: 'csv',
  status: 'done',
  accepted: 9_998,
  rejected: 2,
  upload_offset: 1_223_329,
  results_url: '/v1/batches/01937a2e-7c1a-7d5e-9f60-2a4b6c8d0e1f/results',
  problem: null,
  created_at: '2026-11-25T08:00:00.000000Z',
  updated_at: '2026-11-25T08:00:01.250000Z',
  finished_at: '2026-11-25T08:00:01.250000Z',
}
export const BatchDocument = Type.Object(Standing, { examples: [EXAMPLE] })
export const BatchPage = Type.Object(
  { items: Type.Array(BatchDocument), next_cursor: Type.Null() },
  { examples: [{ items: [EXAMPLE], next_cursor: null }] },
)

const Pairs = (says: string, example: string) =>
  Type.Union([Type.String(), Type.Array(Type.String())], { description: says, examples: [example] })
export const Delimiter = Type.Optional(
  Type.Enum([',', ';', '|', '\t'], { description: 'Of a CSV file; a comma where nothing is said.', examples: [';'] }),
)
export const UploadQuery = closed({
  map: Type.Optional(
    Pairs(
      '`<member>=<column>`: the column becomes that member. Any number of times. One that a CSV or Parquet file does not have is refused with those that it has.',
      'timestamp=Flight Date',
    ),
  ),
  set: Type.Optional(
    Pairs(
      '`<member>=<constant>`: every row has it, instead of its own. Any number of times.',
      'timestamp=2020-01-01T00:00:00Z',
    ),
  ),
  event_id: Type.Optional(
    Type.String({
      description: "The column that holds the event's id, a UUID. Left out, ids derive from dataset, line and content.",
    }),
  ),
  delimiter: Delimiter,
})
export const UploadHeaders = Type.Object({
  'upload-id': Type.Optional(
    Type.String({
      format: 'uuid',
      description: 'Yours: with it an upload that was cut goes on. Left out, one is made.',
    }),
  ),
  'upload-offset': Type.Optional(
    Type.String({
      pattern: '^[0-9]+$',
      description: 'How many bytes of the unpacked file lie before this body; at most the upload_offset of the batch.',
    }),
  ),
})

const ROWS = '{"timestamp":"2026-11-25T08:00:00Z","page":"/pricing"}\n{"timestamp":"2026-11-25T08:00:01Z","page":"/"}\n'
const text = (description: string, example: string) => ({
  schema: Type.String({ description, examples: [example] }),
})
/** Only described here: a file is read as it arrives. */
export const UploadBody = {
  content: {
    'application/x-ndjson': text("One row a line: an event's data.", ROWS),
    'application/json': {
      schema: Type.Union(
        [Type.Array(Type.Object({}, { additionalProperties: true })), Type.Object({}, { additionalProperties: true })],
        {
          description: 'An array of rows.',
          examples: [[{ timestamp: '2026-11-25T08:00:00Z', page: '/pricing' }]],
        },
      ),
    },
    'text/csv': text('The first line names the columns.', 'timestamp,page\n2026-11-25T08:00:00Z,/pricing\n'),
    'application/vnd.apache.parquet': text('A Parquet file.', 'PAR1…'),
  },
}
export const ResultsBody = {
  content: {
    'application/x-ndjson': text(
      'The rejected rows by line, the first 10,000 of them.',
      '{"line":17,"event_id":"0a1b2c3d-4e5f-8a6b-8c7d-9e0f1a2b3c4d","code":"invalid","errors":[{"pointer":"/page","keyword":"required","message":"must be there"}]}\n',
    ),
  },
}
