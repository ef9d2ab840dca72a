import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { extraOf } from '../../src/ingest/extra.ts'
import type { Binding } from '../../src/registry/index.ts'

const binding = {
  shape: {
    envelope: [],
    under: ['e', 'data'],
    fields: [
      { fieldId: 1, key: 'a' },
      { fieldId: 2, key: '__proto__' },
    ],
  },
} as unknown as Binding

test('what the schema does not name is kept as it was written, and nothing else', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (data) => {
      const event = JSON.stringify({ dataset: 'd', data: { a: 1, ...data } })
      const kept = extraOf(Buffer.from(event), binding)
      const rest = Object.fromEntries(
        Object.entries(JSON.parse(event).data as object).filter(([key]) => key !== 'a' && key !== '__proto__'),
      )
      if (Object.keys(rest).length === 0) assert.equal(kept, null)
      else assert.deepEqual(JSON.parse(JSON.parse(String(kept)) as string), rest)
    }),
  )
})

test('digits stay as the client wrote them', () => {
  const kept = extraOf(Buffer.from('{"data":{"a":1,"n":1.10,"m":12345678901234567890}}'), binding)
  assert.equal(JSON.parse(String(kept)), '{"n":1.10,"m":12345678901234567890}')
})
