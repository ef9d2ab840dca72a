import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileValidator, compose, judge } from '../../src/pdm/index.ts'

const validate = compileValidator(
  compose({
    definition: { type: 'object', properties: { n: { type: 'integer' } } },
    fieldGroups: [],
    resolve: () => undefined,
  }),
)
const judged = (text: string) => judge(Buffer.from(text), validate, { maxEventBytes: 1000, maxDepth: 8 })

test('a record of another producer gets the verdict that the API would have given', () => {
  assert.equal(judged('{"dataset":"d","data":{"n":9007199254740993}}').kind, 'valid')
  const refusals: [string, string, string][] = [
    ['{"dataset":"d","data":{"n":9223372036854775808}}', 'invalid', '/data/n'],
    ['{"dataset":"d","data":{"x":1}}', 'invalid', '/data/x'],
    ['{"dataset":"d","data":{"n":1,"n":2}}', 'malformed', '/data/n'],
    ['{"dataset":"d",\n"data":{}}', 'malformed', ''],
    ['nonsense', 'malformed', ''],
    [' '.repeat(2000), 'too_large', ''],
  ]
  for (const [text, reason, pointer] of refusals) {
    const judgement = judged(text)
    assert.ok(judgement.kind === 'refused', text)
    assert.deepEqual([judgement.reason, judgement.faults[0]?.pointer], [reason, pointer])
  }
})
