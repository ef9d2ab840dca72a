import type { ProblemCode } from '../problems/index.ts'

export const STATUSES = ['draft', 'published', 'archived'] as const
export type EntityStatus = (typeof STATUSES)[number]
/** What can be done to an entity: `edit` changes its definition. */
export const MOVES = ['publish', 'archive', 'edit'] as const
type Move = (typeof MOVES)[number]

/** Every state and every move has its cell; the type refuses a table with a gap. */
const LIFE: Readonly<Record<EntityStatus, Readonly<Record<Move, EntityStatus | ProblemCode>>>> = {
  draft: { publish: 'published', archive: 'archived', edit: 'draft' },
  published: { publish: 'lifecycle_forward_only', archive: 'archived', edit: 'definition_frozen' },
  archived: { publish: 'lifecycle_forward_only', archive: 'lifecycle_forward_only', edit: 'definition_frozen' },
}

/** The status after a move, or the code of the problem that forbids it. */
export const nextStatus = (status: EntityStatus, move: Move): EntityStatus | ProblemCode => LIFE[status][move]
