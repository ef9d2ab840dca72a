import { Problem } from '../problems/index.ts'

/** A `schema_too_large` that says what is over which limit, and where; the pointer leads as its caller's others do. */
export const tooLarge = (detail: string, pointer = ''): Problem =>
  new Problem('schema_too_large', detail, { errors: [{ pointer, keyword: 'limit', message: 'is over a limit' }] })
