import { isZero, keptByDouble, pointerOf, wholeOf } from '../event/index.ts'
import { newTexts, noteText, textsTogether, type Texts } from './texts.ts'
import { literalsOf, type Sample } from './samples.ts'

/** What was seen at one place of the samples, all of them together. */
export interface Shape {
  seen: number
  nulls: number
  booleans: number
  /** All numbers; of them those that a column of whole numbers, or of doubles, would not keep as they are written. */
  numbers: number
  notLong: number
  notDouble: number
  strings: number
  objects: number
  arrays: number
  texts: Texts | undefined
  readonly members: Map<string, Shape>
  items: Shape | undefined
}

const newShape = (): Shape => ({
  seen: 0,
  nulls: 0,
  booleans: 0,
  numbers: 0,
  notLong: 0,
  notDouble: 0,
  strings: 0,
  objects: 0,
  arrays: 0,
  texts: undefined,
  members: new Map(),
  items: undefined,
})

/** A shape that takes in samples one by one. */
export function openShape(): { readonly shape: Shape; add(sample: Sample): void } {
  const shape = newShape()
  return { shape, add: (sample) => take(shape, sample.data, [], literalsOf(sample)) }
}

function take(shape: Shape, value: unknown, path: (string | number)[], odd: ReadonlyMap<string, string>): void {
  shape.seen++
  if (value === null) shape.nulls++
  else if (typeof value === 'boolean') shape.booleans++
  else if (typeof value === 'number') {
    shape.numbers++
    const literal = odd.size === 0 ? undefined : odd.get(pointerOf(path))
    if (literal === undefined ? !Number.isInteger(value) : !fitsLong(literal)) shape.notLong++
    if (literal !== undefined && !fitsDouble(literal)) shape.notDouble++
  } else if (typeof value === 'string') {
    shape.strings++
    noteText((shape.texts ??= newTexts()), value)
  } else if (Array.isArray(value)) {
    shape.arrays++
    if (value.length > 0) shape.items ??= newShape()
    for (const [at, item] of value.entries()) within(shape.items as Shape, item, at, path, odd)
  } else {
    shape.objects++
    for (const [name, member] of Object.entries(value as object)) {
      let inner = shape.members.get(name)
      if (inner === undefined) shape.members.set(name, (inner = newShape()))
      within(inner, member, name, path, odd)
    }
  }
}

function within(
  shape: Shape,
  value: unknown,
  step: string | number,
  path: (string | number)[],
  odd: ReadonlyMap<string, string>,
): void {
  path.push(step)
  take(shape, value, path, odd)
  path.pop()
}

const LONG_MIN = -(2n ** 63n)
const LONG_MAX = 2n ** 63n - 1n

/** As the column `long` takes it: 64 bits, and through a double only where that is exact. */
function fitsLong(literal: string): boolean {
  const whole = wholeOf(literal, 20)
  if (whole === undefined || whole < LONG_MIN || whole > LONG_MAX) return false
  return /^-?\d+$/.test(literal) || BigInt(Number(literal)) === whole
}

/** As the column `double` takes it. */
function fitsDouble(literal: string): boolean {
  const value = Number(literal)
  if (!Number.isFinite(value) || (value === 0 && !isZero(literal))) return false
  return Math.abs(value) < 2 ** 53 || keptByDouble(literal)
}

/** What was seen at several places, as if it had been one: the values of a map. */
export function together(shapes: readonly Shape[]): Shape {
  const sum = newShape()
  for (const shape of shapes) {
    for (const count of COUNTS) sum[count] += shape[count]
  }
  sum.texts = textsTogether(shapes.flatMap(({ texts }) => (texts === undefined ? [] : [texts])))
  const lists = shapes.flatMap(({ items }) => (items === undefined ? [] : [items]))
  if (lists.length > 0) sum.items = together(lists)
  const names = new Set(shapes.flatMap(({ members }) => [...members.keys()]))
  for (const name of names) {
    sum.members.set(
      name,
      together(
        shapes.flatMap(({ members }) => {
          const member = members.get(name)
          return member === undefined ? [] : [member]
        }),
      ),
    )
  }
  return sum
}

const COUNTS = ['seen', 'nulls', 'booleans', 'numbers', 'notLong', 'notDouble', 'strings', 'objects', 'arrays'] as const
