import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isolate, type Failure } from '../../../src/lake/parquet/isolate.ts'

/** Tries runs of rows of which some are bad, as DuckDB would, with a hint that may be missing or wrong. */
function rows(count: number, bad: ReadonlySet<number>, hint: (first: number, from: number) => number | undefined) {
  let tries = 0
  const attempt = async (from: number, to: number): Promise<Failure | undefined> => {
    tries += 1
    for (let row = from; row < to; row += 1) {
      if (bad.has(row)) return { detail: `row ${row}`, line: hint(row, from) }
    }
    return undefined
  }
  return {
    attempt,
    tries: () => tries,
    async find() {
      const first = await attempt(0, count)
      tries = 0
      return first ? await isolate(count, first, attempt) : []
    },
  }
}

const right = (row: number, from: number): number => row - from

test('one culprit costs three tries with a good hint, and about log2(n) without one', async () => {
  const hinted = rows(10_000, new Set([7777]), right)
  assert.deepEqual(await hinted.find(), [{ line: 7777, detail: 'row 7777' }])
  assert.ok(hinted.tries() <= 4, `${hinted.tries()} tries`)
  const blind = rows(10_000, new Set([7777]), () => undefined)
  assert.deepEqual(await blind.find(), [{ line: 7777, detail: 'row 7777' }])
  assert.ok(blind.tries() <= 16, `${blind.tries()} tries`)
})

test('rows that are all bad cost one try each', async () => {
  const all = rows(1000, new Set(Array.from({ length: 1000 }, (_, row) => row)), right)
  assert.equal((await all.find()).length, 1000)
  assert.ok(all.tries() <= 1010, `${all.tries()} tries`)
})

test('any set of bad rows is found exactly, in order, whatever the hints say', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 400 }).chain((count) =>
        fc.record({
          count: fc.constant(count),
          bad: fc.uniqueArray(fc.integer({ min: 0, max: count - 1 }), { maxLength: count }),
          hints: fc.infiniteStream(fc.option(fc.integer({ min: -2, max: count + 2 }), { nil: undefined })),
        }),
      ),
      async ({ count, bad, hints }) => {
        const found = await rows(count, new Set(bad), () => hints.next().value).find()
        assert.deepEqual(
          found.map(({ line }) => line),
          bad.toSorted((a, b) => a - b),
        )
      },
    ),
    { numRuns: 200 },
  )
})
