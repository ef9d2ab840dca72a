import { pointerOf, type Path } from '../event/index.ts'

/** The pointer one or more steps further down (RFC 6901). */
export const below = (pointer: string, ...steps: Path): string => pointer + pointerOf(steps)
