import type { Definition } from './keywords.ts'

interface SystemClass {
  readonly uri: string
  readonly title: string
  readonly definition: Definition
}

const CLASS_BASE = 'https://ns.azothedge.com/pdm/class'

/**
 * The classes that every tenant sees, published from the start: only what a schema of the class cannot be
 * without. The migration `0002-registry.sql` seeds exactly these (a test compares them).
 */
export const SYSTEM_CLASSES: readonly SystemClass[] = [
  {
    uri: `${CLASS_BASE}/person-profile`,
    title: 'Person profile',
    definition: { type: 'object', properties: { person_id: { type: 'string' } } },
  },
  {
    uri: `${CLASS_BASE}/interaction-event`,
    title: 'Interaction event',
    definition: {
      type: 'object',
      properties: { timestamp: { type: 'string', format: 'date-time' } },
      required: ['timestamp'],
    },
  },
]
