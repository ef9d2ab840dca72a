import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fateOf } from '../../src/bus/verdicts.ts'
import { CODE } from '../../src/bus/wire/codes.ts'

const fate = (code: number, records = 10, failures = 0) => fateOf({ code, detail: null }, records, failures)

test('every code that a broker may answer has a fate, and only two acknowledge', () => {
  for (let code = -1; code <= 140; code += 1) {
    const acknowledged = code === CODE.none || code === CODE.duplicateSequenceNumber
    assert.equal(fate(code).kind === 'acknowledged', acknowledged, `${code}`)
  }
})

test('a batch that is too large is split down to one record, which is refused by name', () => {
  assert.equal(fate(CODE.messageTooLarge).kind, 'split')
  const alone = fate(CODE.messageTooLarge, 1)
  assert.deepEqual(alone.kind === 'failed' && alone.failure.code, 'too_large')
})

test('a full disk and an unknown topic are tried again, but not until the timeout', () => {
  for (const [code, name] of [
    [CODE.kafkaStorageError, 'storage'],
    [CODE.unknownTopicOrPartition, 'unknown_topic'],
  ] as const) {
    assert.equal(fate(code).kind, 'again')
    const last = fate(code, 10, 9)
    assert.deepEqual(last.kind === 'failed' && last.failure.code, name)
  }
})

test('a moved leader is looked up again; a missing right is final', () => {
  const moved = fate(CODE.notLeaderOrFollower, 10, 1000)
  assert.ok(moved.kind === 'again' && moved.stale)
  const right = fate(CODE.topicAuthorizationFailed)
  assert.ok(right.kind === 'failed' && right.failure.code === 'refused')
  assert.match(right.failure.detail, /topicAuthorizationFailed \(29\)/)
})
