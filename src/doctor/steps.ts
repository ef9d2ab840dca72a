/** The nine steps of an event's journey, in order (docs/concepts/journey.md). */
export const STEPS = [
  'accept',
  'validate',
  'publish',
  'consume',
  'buffer',
  'deduplicate',
  'flush',
  'commit',
  'preview',
] as const
export type Step = (typeof STEPS)[number]
