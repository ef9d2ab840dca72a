import { deriveId, readEvent, uuidv7, type EventLimits, type ReadEvent } from '../event/index.ts'
import { isRangeOnly, type Validator } from '../pdm/index.ts'
import { isSlug } from '../tenancy/index.ts'
import type { Events } from './split.ts'
import { rejected, type Verdict } from './verdict.ts'

/** What collect needs to know of a dataset. */
export interface CollectBinding {
  readonly datasetId: string
  readonly datasetSlug: string
  readonly schemaId: string
  readonly validate: Validator
}

/** An event that could be read, not yet judged by its dataset. */
export interface Draft {
  readonly kind: 'draft'
  readonly eventId: string
  readonly event: ReadEvent
}

/** Reads the event at a place of the request; a verdict where it cannot be read. `idempotencyKey` names ids that the client did not give. */
export function readAt(
  body: Buffer,
  events: Events,
  at: number,
  limits: EventLimits,
  idempotencyKey: string | undefined,
): Draft | Verdict {
  const { start, end } = events.extents[at] as { start: number; end: number }
  const event = readEvent(body, start, end, limits, events.encoding)
  const mint = (): string => (idempotencyKey === undefined ? uuidv7() : deriveId(idempotencyKey, at))
  if (event.kind === 'unread') {
    const eventId = event.eventId === undefined ? mint() : event.eventId
    return rejected(eventId, event.code, [event.fault])
  }
  return { kind: 'draft', eventId: event.eventId ?? mint(), event }
}

/** Undefined where the dataset's schema takes the event. */
export function judgeDraft({ eventId, event }: Draft, binding: CollectBinding): Verdict | undefined {
  const faults = binding.validate(event.data, event.odd)
  if (faults === null) return undefined
  const errors = faults.map(({ pointer, keyword, message }) => ({ pointer: `/data${pointer}`, keyword, message }))
  return rejected(eventId, isRangeOnly(faults) ? 'number_out_of_range' : 'invalid', errors)
}

/** What is no slug is not repeated: it may be anything that a client put there by mistake. */
export const unknownDataset = ({ eventId, event }: Draft): Verdict =>
  rejected(eventId, 'unknown_dataset', [
    {
      pointer: '/dataset',
      keyword: 'unknown_dataset',
      message: isSlug(event.dataset)
        ? `There is no dataset "${event.dataset}" in this tenant. Make it first, or correct the slug.`
        : 'This is not the slug of a dataset: a lower-case letter, then lower-case letters, digits, - and _.',
    },
  ])
