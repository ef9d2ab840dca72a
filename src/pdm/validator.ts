import type { ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { OddNumber } from '../event/index.ts'
import type { Fault } from '../problems/index.ts'
import { columnType } from './columns.ts'
import type { Composed } from './compose.ts'
import { fitsDecimal, FORMATS } from './formats.ts'
import { isObject, propertiesOf, subschemas, type Schema, type SchemaObject } from './keywords.ts'
import { misfits, RANGE } from './numbers.ts'
import { linearRegExp } from './patterns/compile.ts'
import { prepare } from './prepare.ts'
import { faultOf } from './sentences.ts'
import { addUniqueItems } from './unique.ts'
import type { DraftField } from '../lake/index.ts'

/**
 * Judges an event's data: null where it is valid and every column can hold it, else what is wrong, at
 * most `MOST_FAULTS`. Pointers start at the data. `odd` are the numbers that the scanner marked, with
 * paths that start at the data too: without them a number that JavaScript rounded is judged as rounded.
 * Nothing is coerced, filled in or removed.
 */
export type Validator = (data: unknown, odd?: readonly OddNumber[]) => readonly Fault[] | null

export const MOST_FAULTS = 10

/** Names that every JavaScript object has: where a schema uses one, presence is asked of the object itself. */
const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype))

/**
 * The validator of a composed schema. Compiled code, fail-fast: a valid event costs about 0.7 us. The first
 * invalid event compiles a second one that finds everything wrong at once.
 */
export function compileValidator(composed: Composed): Validator {
  const prepared = prepare(composed.schema)
  const asks = {
    ownProperties: namesInherited(composed.schema),
    // Ajv keeps account of what is evaluated for these keywords alone: a quarter of the time that a thousand fields take.
    unevaluated: composed.text.includes('"unevaluated'),
  }
  const columns: DraftField[] = Object.entries(propertiesOf(composed.schema)).map(([name, schema]) => ({
    name,
    required: false,
    type: columnTypeOrText(schema),
  }))
  const passes = compile(prepared, asks, false)
  let explains: ValidateFunction | undefined

  return (data, odd) => {
    const rounded = odd === undefined || odd.length === 0 ? [] : misfits(columns, odd)
    if (rounded.length === 0 && passes(data)) return null
    if (isSmall(data)) explains ??= compile(prepared, asks, true)
    const judge = isSmall(data) ? (explains as ValidateFunction) : passes
    judge(data)
    const found = (judge.errors ?? []).slice(0, MOST_FAULTS * 5).map(faultOf)
    return distinct([...rounded, ...found]).slice(0, MOST_FAULTS)
  }
}

/** Names are checked where columns are made; here a name that is refused there only has no type. */
function columnTypeOrText(schema: Schema): DraftField['type'] {
  try {
    return columnType(schema, '', []).type
  } catch {
    return 'json'
  }
}

/** True where every fault says that a number does not fit its column. */
export const isRangeOnly = (faults: readonly Fault[]): boolean => faults.every((fault) => fault.keyword === RANGE)

interface Asks {
  readonly ownProperties: boolean
  readonly unevaluated: boolean
}

function compile(schema: SchemaObject, { ownProperties, unevaluated }: Asks, allErrors: boolean): ValidateFunction {
  const ajv = new Ajv2020({
    strict: false,
    allErrors,
    verbose: allErrors,
    ownProperties,
    formats: FORMATS,
    messages: false,
    meta: false,
    validateSchema: false,
    logger: false,
    multipleOfPrecision: 9,
    inlineRefs: false,
    // Ajv's own optimizing takes a third of the time that compiling a thousand fields does, and an event is judged as fast without it.
    code: { regExp: linearRegExp as never, optimize: false },
  })
  // No option of its constructor: draft 2020-12 always sets it.
  ajv.opts.unevaluated = unevaluated
  ajv.addKeyword({
    keyword: 'decimal',
    type: 'string',
    schemaType: 'array',
    compile:
      ([precision, scale]: [number, number]) =>
      (value: string) =>
        fitsDecimal(value, precision, scale),
  })
  ajv.addKeyword({
    keyword: 'among',
    schemaType: 'array',
    compile: (values: unknown[]) => {
      const allowed = new Set(values)
      return (value: unknown) => allowed.has(value)
    },
  })
  addUniqueItems(ajv)
  return ajv.compile(schema)
}

function namesInherited(schema: Schema): boolean {
  if (!isObject(schema)) return false
  const required = Array.isArray(schema['required']) ? (schema['required'] as string[]) : []
  const named = [
    ...Object.keys(propertiesOf(schema)),
    ...required,
    ...Object.keys((schema['dependentRequired'] as object | undefined) ?? {}),
    ...Object.keys((schema['dependentSchemas'] as object | undefined) ?? {}),
  ]
  if (named.some((name) => INHERITED.has(name))) return true
  for (const sub of subschemas(schema)) if (namesInherited(sub.schema)) return true
  return false
}

/** Finding everything wrong makes an object for each fault: only where there cannot be many. */
function isSmall(data: unknown): boolean {
  let budget = 2000
  const spend = (value: unknown): boolean => {
    if (--budget < 0) return false
    if (typeof value !== 'object' || value === null) return true
    return Object.values(value).every(spend)
  }
  return spend(data)
}

function distinct(faults: readonly Fault[]): Fault[] {
  const seen = new Set<string>()
  return faults.filter(({ pointer, keyword }) => {
    const key = `${pointer} ${keyword}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}
