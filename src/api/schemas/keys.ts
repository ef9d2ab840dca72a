import { Type } from 'typebox'
import { SCOPES } from '../../keys/index.ts'
import { LimitsDocument, SetLimits } from './limits.ts'
import { Id, Name, Time, closed, nullable } from './wire.ts'

const Scopes = Type.Array(Type.Enum([...SCOPES]), { minItems: 1, maxItems: SCOPES.length, uniqueItems: true })
const KEY = {
  id: Id,
  name: Name,
  scopes: Type.Array(Type.Enum([...SCOPES])),
  status: Type.Enum(['active', 'expired', 'revoked']),
  rotated_from: nullable(Id),
  created_at: Time,
  expires_at: nullable(Time),
  last_used_at: nullable(Time),
  limits: Type.Optional(LimitsDocument),
}

export const KeyDocument = Type.Object(KEY)
export const MadeKeyDocument = Type.Object({
  ...KEY,
  key: Type.String({ description: 'The key itself: shown this once, kept nowhere.' }),
})
export const KeyPage = Type.Object({ items: Type.Array(KeyDocument), next_cursor: Type.Null() })
export const CreateKey = closed(
  {
    name: Name,
    scopes: Scopes,
    expires_at: Type.Optional(Type.String({ format: 'date-time', maxLength: 64 })),
    limits: Type.Optional(SetLimits),
  },
  { examples: [{ name: 'website', scopes: ['collect'] }] },
)
export const PatchKey = closed(
  { name: Type.Optional(Name), limits: Type.Optional(SetLimits) },
  { minProperties: 1, examples: [{ limits: { events_per_second: 100 } }] },
)
export const RotateKey = closed(
  {
    overlap_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2_592_000,
        default: 86_400,
        description: 'How long the old key still holds.',
      }),
    ),
  },
  { examples: [{ overlap_seconds: 3600 }] },
)
