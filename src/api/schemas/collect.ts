import { Type } from 'typebox'
import { Slug, closed } from './wire.ts'

const EVENT = { dataset: 'page-views', data: { timestamp: '2026-11-25T08:00:00Z', page: '/pricing' } }
const Event = closed(
  {
    dataset: Slug,
    event_id: Type.Optional(
      Type.String({
        format: 'uuid',
        description: 'Yours, so that a repeat makes no second row. Left out, the answer names the one it got.',
      }),
    ),
    data: Type.Object({}, { additionalProperties: true, description: "What the dataset's schema describes." }),
  },
  { examples: [EVENT] },
)
/** Only described here. */
export const CollectHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      format: 'uuid',
      description:
        'Yours, a new one for each new request: events without an `event_id` get ids that derive from it and their place, so that the same request sent again makes no second row.',
    }),
  ),
})
/** Only described here: collect reads the bytes itself, so that an event is parsed once and carried on as it was sent. */
export const CollectRequest = {
  content: {
    'application/json': {
      schema: Type.Union([Event, closed({ events: Type.Array(Event, { minItems: 1 }) })], { examples: [EVENT] }),
    },
    'application/x-ndjson': {
      schema: Type.String({
        description: 'One event a line.',
        examples: [`${JSON.stringify(EVENT)}\n${JSON.stringify(EVENT)}\n`],
      }),
    },
  },
}
export const CollectDocument = Type.Object({
  accepted: Type.Integer(),
  rejected: Type.Integer(),
  failed: Type.Integer(),
  results: Type.Array(
    Type.Object({
      event_id: Type.Union([Type.String(), Type.Null()]),
      status: Type.Enum(['accepted', 'rejected', 'failed']),
      code: Type.Optional(Type.String()),
      errors: Type.Optional(
        Type.Array(Type.Object({ pointer: Type.String(), keyword: Type.String(), message: Type.String() })),
      ),
    }),
  ),
})
