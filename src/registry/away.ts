import { Problem } from '../problems/index.ts'

/** The bus's fault as a user meets it, `cause` kept. A Problem passes unchanged. */
export function busProblem(error: unknown, detail: string): Problem {
  if (error instanceof Problem) return error
  return new Problem('dependency_away', detail, { retryAfterSeconds: 2, cause: error })
}
