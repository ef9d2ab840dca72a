import { Problem } from '../problems/index.ts'

/** Runs a check of a definition alone; its faults' pointers lead from there on into the request's body. */
export function inDefinition<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof Problem) || error.errors === undefined) throw error
    const errors = error.errors.map((fault) => ({ ...fault, pointer: `/definition${fault.pointer}` }))
    throw new Problem(error.code, error.message, { errors, cause: error })
  }
}
