import { Type } from 'typebox'
import { MOST_ALLOWED } from '../../limits/index.ts'
import { closed, nullable } from './wire.ts'

const PER_SECOND = 'a second; half a second may be used at once'
const PER_DAY = 'a day of UTC'
const allowed = (description: string) => Type.Integer({ minimum: 1, maximum: MOST_ALLOWED, description })
const EXAMPLE = { events_per_second: 2_000, bytes_per_day: 5_000_000_000 }

const LIMITS = {
  events_per_second: allowed(`Events ${PER_SECOND}.`),
  bytes_per_second: allowed(`Bytes of unpacked bodies ${PER_SECOND}.`),
  events_per_day: allowed(`Events ${PER_DAY}.`),
  bytes_per_day: allowed(`Bytes of unpacked bodies ${PER_DAY}.`),
}

/** What is allowed, where something is limited. */
export const LimitsDocument = Type.Partial(Type.Object(LIMITS), {
  description: 'What may be sent; what is not named is not limited.',
  examples: [EXAMPLE],
})

/** Replaces what was allowed: effective on every process within two seconds. */
export const SetLimits = nullable(
  closed(
    {
      events_per_second: Type.Optional(nullable(LIMITS.events_per_second)),
      bytes_per_second: Type.Optional(nullable(LIMITS.bytes_per_second)),
      events_per_day: Type.Optional(nullable(LIMITS.events_per_day)),
      bytes_per_day: Type.Optional(nullable(LIMITS.bytes_per_day)),
    },
    {
      description:
        'What may be sent from now on, whole: a limit that is null or not named is taken away, and with null all are.',
      examples: [EXAMPLE],
    },
  ),
)
