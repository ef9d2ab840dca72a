import { Problem } from '../problems/index.ts'
import type { Field, Schema } from '../lake/index.ts'

export interface PreviewQuestion {
  readonly tenantId: string
  /** Slug or id. */
  readonly dataset: string
  /** 1 to 1000. */
  readonly limit: number
  /** Absent: all columns, in the table's order. */
  readonly columns?: readonly string[] | undefined
  /** Absent: the current snapshot. */
  readonly snapshotId?: string | undefined
  /** `string`: every 64-bit integer is written as a string, not only those beyond 2^53. */
  readonly int64?: 'string' | undefined
  /** `pii`: what is labelled so is not shown. */
  readonly mask?: 'pii' | 'none' | undefined
  readonly signal?: AbortSignal | undefined
}

const MAX_LIMIT = 1_000

/** Throws `invalid_parameter` for a limit that is no integer from 1 to 1000. */
export function checkLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return
  throw new Problem('invalid_parameter', `limit is ${limit}; give an integer from 1 to ${MAX_LIMIT}.`, {
    errors: [{ pointer: '/limit', keyword: 'range', message: `must be an integer from 1 to ${MAX_LIMIT}` }],
  })
}

/**
 * The fields that `columns` names, in the order asked and each once; all of them where it is absent.
 * Throws `invalid_parameter` with one fault per unknown name.
 */
export function chooseColumns(schema: Schema, columns: readonly string[] | undefined): readonly Field[] {
  if (columns === undefined) return schema.fields
  const byName = new Map(schema.fields.map((field) => [field.name, field]))
  const unknown = columns.filter((name) => !byName.has(name))
  if (unknown.length > 0 || columns.length === 0) {
    const named = unknown.map((name) => `"${name}"`).join(', ')
    const detail = columns.length === 0 ? 'columns names no column.' : `The table has no column ${named}.`
    throw new Problem(
      'invalid_parameter',
      `${detail} It has: ${schema.fields.map((field) => field.name).join(', ')}.`,
      {
        errors: unknown.map((name) => ({ pointer: '/columns', keyword: 'unknown', message: `no column "${name}"` })),
      },
    )
  }
  return [...new Set(columns)].map((name) => byName.get(name) as Field)
}
