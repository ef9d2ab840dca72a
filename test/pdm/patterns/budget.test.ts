import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkDefinition, compose, type Definition } from '../../../src/pdm/index.ts'
import { Problem } from '../../../src/problems/index.ts'

const tooLarge = (error: unknown): boolean =>
  error instanceof Problem && error.code === 'schema_too_large' && /the patterns together/.test(error.message)
/** `count` properties, each with a pattern of its own of some 1,800 steps, or the same one. */
const patterned = (count: number, source: (at: number) => string): Definition => ({
  type: 'object',
  properties: Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`p${at}`, { type: 'string', pattern: source(at) }]),
  ),
})
const large = (at: number): string => `^(x?){600}y${at}$`

test('patterns that are large together are refused before they are all compiled', () => {
  checkDefinition('schema', patterned(10, large))
  const from = process.cpuUsage()
  assert.throws(() => checkDefinition('schema', patterned(2_000, large)), tooLarge)
  const { user, system } = process.cpuUsage(from)
  assert.ok((user + system) / 1000 < 3_000, `${user + system} us of CPU; all of them took half a minute`)
})

test('what is the same, and what needs no automaton, costs nothing', () => {
  checkDefinition(
    'schema',
    patterned(500, () => large(0)),
  )
  checkDefinition(
    'schema',
    patterned(500, (at) => `^[0-9a-f]{8}-[0-9a-f]{4}-${at}$`),
  )
})

test('parts that are fine alone are refused together', () => {
  const fieldGroups = [0, 1, 2].map((group) => ({
    uri: `https://test.example/${group}`,
    definition: patterned(10, (at) => large(group * 10 + at)),
  }))
  for (const { definition } of fieldGroups) checkDefinition('field_group', definition)
  assert.throws(() => compose({ definition: {}, fieldGroups, resolve: () => undefined }), tooLarge)
})
