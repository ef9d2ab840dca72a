import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pointerOf } from '../../src/event/index.ts'
import { endOfString, stringAt, walk } from '../../src/event/walk.ts'

test('the walk visits every scalar once, in order, with the path that leads to it', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 1), (value, indent) => {
      const bytes = Buffer.from(JSON.stringify(value, null, indent))
      const parsed = JSON.parse(bytes.toString()) as unknown
      walk(bytes, 0, bytes.length, {
        scalar(start, end, path) {
          const reached = path.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], parsed)
          assert.deepEqual(JSON.parse(bytes.toString('utf8', start, end)), reached)
        },
      })
      let scalars = 0
      walk(bytes, 0, bytes.length, { scalar: () => void scalars++ })
      assert.equal(scalars, countScalars(parsed))
    }),
    { numRuns: 1_000 },
  )
})

const countScalars = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? Object.values(value).reduce((sum: number, one) => sum + countScalars(one), 0)
    : 1

test('names are read with their escapes, and objects are announced before their members', () => {
  const said: string[] = []
  walk(Buffer.from('{"a\\u0062":[{"c":1}]}'), 0, 20, {
    open: (path) => void said.push(`open ${pointerOf(path)}`),
    member: (name, path) => void said.push(`${pointerOf(path)} ${name}`),
  })
  assert.deepEqual(said, ['open ', ' ab', 'open /ab/0', '/ab/0 c'])
})

test('pointers escape what RFC 6901 asks for', () => {
  assert.equal(pointerOf(['a/b', 'm~n', 0, '']), '/a~1b/m~0n/0/')
})

test('a string ends at its own quote', () => {
  const bytes = Buffer.from('"a\\"b\\\\" "c"')
  assert.equal(endOfString(bytes, 0, bytes.length), 8)
  assert.equal(stringAt(bytes, 0, 8), 'a"b\\')
  assert.equal(endOfString(Buffer.from('"open'), 0, 5), 5)
})
