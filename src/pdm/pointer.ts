import { pointerOf, type Path } from '../event/index.ts'

/** The pointer one or more steps further down (RFC 6901). */
export const below = (pointer: string, ...steps: Path): string => pointer + pointerOf(steps)

/** A step of a pointer as the name that it is. */
export const nameOf = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~')
