import { Type } from 'typebox'
import { DEAD_LETTER_REASONS } from '../../event/index.ts'
import { LETTER_GROUPS } from '../../outcomes/index.ts'
import { Id, PAGE_QUERY, Time, closed, nullable } from './wire.ts'

const Reason = Type.Enum([...DEAD_LETTER_REASONS], { description: 'Why it could not become a row: a closed set.' })
const LetterId = Type.String({ description: 'Its number. Later letters have higher ones.', examples: ['42'] })
const Pointer = Type.String({
  maxLength: 500,
  pattern: '^(/([^~\\u0000]|~[01])*)?$',
  description: 'A place in the event (RFC 6901), as /data/price, or any below it.',
})
const From = Type.String({
  format: 'date-time',
  maxLength: 64,
  description: 'Kept at or after this instant (RFC 3339).',
})
const To = Type.String({ format: 'date-time', maxLength: 64, description: 'Kept before this instant (RFC 3339).' })
const Fault = Type.Object({ pointer: Type.String(), keyword: Type.String(), message: Type.String() })
const Source = Type.String({ description: 'topic/partition/offset of its record on the bus.' })

const FILTER = {
  reason: Type.Optional(Reason),
  from: Type.Optional(From),
  to: Type.Optional(To),
  pointer: Type.Optional(Pointer),
}

export const LetterQuery = closed({
  ...FILTER,
  ...PAGE_QUERY,
  event_id: Type.Optional(Type.String({ format: 'uuid', description: 'Letters of this event.' })),
  replayed: Type.Optional(
    Type.Boolean({ description: 'Only those that were sent again, or only those that were not.' }),
  ),
  group: Type.Optional(
    Type.Enum([...LETTER_GROUPS], {
      description:
        'Counts instead of letters: by reason, by reason and pointer, or by reason and day (UTC). The newest 100,000 are counted.',
    }),
  ),
})

const LETTER = {
  id: LetterId,
  at: Time,
  dataset: nullable(Type.String({ description: 'Slug; null where its record named no dataset of the tenant.' })),
  event_id: nullable(Type.String({ description: 'As its record has it.' })),
  reason: Reason,
  pointer: Type.String(),
  error: Type.String({ description: 'What is wrong, in a sentence.' }),
  source: Source,
  trace_id: nullable(Type.String({ description: 'Of the request that sent it.' })),
  received_at: nullable(Time),
  bytes: Type.Integer({ description: 'Of its payload.' }),
  relayed_at: nullable(Time),
  replayed_at: nullable(Time),
}

const EXAMPLE = {
  id: '42',
  at: '2026-11-25T08:00:02.000000Z',
  dataset: 'page-views',
  event_id: '019300aa-0000-7000-8000-000000000001',
  reason: 'unconvertible',
  pointer: '/data/price',
  error: 'The number does not fit decimal(9,2).',
  source: 'pulse.019300aa-0000-7000-8000-00000000000a.events.raw/0/17',
  trace_id: '0af7651916cd43dd8448eb211c80319c',
  received_at: '2026-11-25T08:00:00.000000Z',
  bytes: 96,
  relayed_at: '2026-11-25T08:00:03.000000Z',
  replayed_at: null,
}
const COUNT_EXAMPLE = { reason: 'unconvertible', count: 12, first_at: EXAMPLE.at, last_at: EXAMPLE.at }

export const LetterPage = Type.Union([
  Type.Object(
    {
      items: Type.Array(Type.Object(LETTER)),
      next_cursor: nullable(
        Type.String({
          description:
            'Ask again with it; null: that was the last page. With a filter a page looks at 100,000 letters, so that it may have few items, or none, and a cursor.',
        }),
      ),
    },
    { examples: [{ items: [EXAMPLE], next_cursor: null }] },
  ),
  Type.Object(
    {
      items: Type.Array(
        Type.Object({
          reason: Reason,
          pointer: Type.Optional(Type.String()),
          day: Type.Optional(Type.String({ format: 'date' })),
          count: Type.Integer(),
          first_at: Time,
          last_at: Time,
        }),
      ),
      counted: Type.Integer({ description: 'Letters that were counted, those of groups that are not shown too.' }),
      complete: Type.Boolean({
        description:
          'False: there are older letters that were not counted, or more than the 200 groups shown, the largest.',
      }),
    },
    { examples: [{ items: [COUNT_EXAMPLE], counted: 12, complete: true }] },
  ),
])

const Kept = Type.Union([Type.String(), Type.Object({ base64: Type.String() })])
const PAYLOAD = { dataset: 'page-views', data: { timestamp: '2026-11-25T08:00:00Z', price: '12345678901.00' } }
export const LetterDocument = Type.Object(
  {
    ...LETTER,
    headers: Type.Array(Type.Array(Kept), { description: 'Of its record: names and values.' }),
    payload: Type.Unknown({ description: 'The event as it was sent, digit for digit; null where it is no JSON.' }),
    payload_base64: nullable(Type.String({ description: 'Its bytes, where it is no JSON.' })),
    payload_withheld: Type.Boolean({ description: 'The key lacks the scope pii: the payload is not shown.' }),
  },
  { examples: [{ ...EXAMPLE, headers: [], payload: PAYLOAD, payload_base64: null, payload_withheld: false }] },
)

const DryRun = Type.Boolean({ default: false, description: 'Judge and answer, and send nothing.' })
const Data = Type.Object(
  {},
  { additionalProperties: true, description: "Takes the place of the event's data; its id and dataset stay." },
)
const SentTo = Type.String({
  minLength: 1,
  maxLength: 63,
  description: 'The slug of the dataset to send it to: for a letter whose record named none of the tenant.',
})
export const ReplayLetter = closed(
  { data: Type.Optional(Data), dataset: Type.Optional(SentTo), dry_run: Type.Optional(DryRun) },
  { examples: [{ data: { timestamp: '2026-11-25T08:00:00Z', price: '123.00' } }] },
)
export const ReplayedDocument = Type.Object(
  {
    id: LetterId,
    event_id: Id,
    dataset: nullable(Type.String()),
    status: Type.Enum(['replayed', 'already_replayed', 'would_pass'], {
      description: 'already_replayed: nothing was sent; ask for the receipt of its event. would_pass: of a dry run.',
    }),
    replayed_at: nullable(Time),
  },
  {
    examples: [
      {
        id: EXAMPLE.id,
        event_id: EXAMPLE.event_id,
        dataset: EXAMPLE.dataset,
        status: 'replayed',
        replayed_at: '2026-11-25T09:00:00.000000Z',
      },
    ],
  },
)

export const MOST_REPLAYED = 1_000
export const ReplayLetters = closed(
  {
    ...FILTER,
    dry_run: Type.Optional(DryRun),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: MOST_REPLAYED, default: 500, description: 'Letters of this slice at most.' }),
    ),
    cursor: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'The next_cursor of the slice before.' }),
    ),
  },
  { examples: [{ reason: 'table_unavailable', dry_run: true }] },
)
export const ReplayedSliceDocument = Type.Object(
  {
    dry_run: Type.Boolean(),
    examined: Type.Integer({ description: 'Letters of this slice.' }),
    replayed: Type.Integer({ description: 'Sent again; in a dry run, those that would be.' }),
    rejected: Type.Integer({ description: 'Still refused; they stay as they were.' }),
    refused: Type.Array(
      Type.Object({
        id: LetterId,
        event_id: nullable(Type.String()),
        code: Type.String(),
        errors: Type.Array(Fault),
      }),
      { description: 'The first hundred of those, with the reason.' },
    ),
    next_cursor: nullable(
      Type.String({
        description:
          'Ask again with it; null: that was the last slice. A slice looks at 100,000 letters: it may have none, and a cursor.',
      }),
    ),
  },
  { examples: [{ dry_run: true, examined: 12, replayed: 12, rejected: 0, refused: [], next_cursor: null }] },
)

export const ReceiptQuery = closed({
  dataset: Type.String({ minLength: 1, maxLength: 200, description: 'Slug or id of the dataset that it was sent to.' }),
})
const NamedLetter = Type.Object({
  id: LetterId,
  at: Time,
  reason: Reason,
  pointer: Type.String(),
  error: Type.String(),
  source: Source,
  replayed_at: nullable(Time),
})
const ABOUT = { event_id: Id, dataset: Type.String() }
const OF = { event_id: EXAMPLE.event_id, dataset: 'page-views' }
export const ReceiptDocument = Type.Union(
  [
    Type.Object({
      ...ABOUT,
      status: Type.Literal('committed'),
      committed_at: Time,
      snapshot_id: nullable(Type.String({ description: 'Null: committed by a Pulse that did not note it.' })),
      flush_id: Id,
      source: nullable(Source),
    }),
    Type.Object({ ...ABOUT, status: Type.Literal('dead_lettered'), dead_letter: NamedLetter }),
    Type.Object({
      ...ABOUT,
      status: Type.Literal('not_settled'),
      watermark: nullable(
        Type.String({
          description:
            'Whatever was acknowledged before this instant is settled. Your event was: send it again, with the same id. It was not: wait. Null: nobody can say now.',
        }),
      ),
      remembers_since: Type.String({ description: 'Events that were committed before this instant may be forgotten.' }),
      dead_letter: nullable(NamedLetter),
    }),
  ],
  {
    examples: [
      {
        ...OF,
        status: 'committed',
        committed_at: '2026-11-25T08:00:02.000000Z',
        snapshot_id: '512345678901234',
        flush_id: '019300aa-0000-7000-8000-0000000000f1',
        source: EXAMPLE.source,
      },
    ],
  },
)
