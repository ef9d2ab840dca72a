import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerOf, countsOf } from '../../src/collect/answer.ts'
import { accepted, failed, rejected, type Verdict } from '../../src/collect/verdict.ts'

const fault = { pointer: '/data/a', keyword: 'type', message: 'must be string' }
const bad = rejected(null, 'malformed', [fault])

test('the finished text is the JSON that the verdicts are', () => {
  const verdicts = [accepted('a'), rejected('b', 'invalid', [{ ...fault, message: 'quo"te' }]), bad, accepted('c')]
  const answer = answerOf(verdicts, false)
  assert.ok(answer.kind === 'accepted')
  assert.deepEqual(JSON.parse(answer.body), { accepted: 2, rejected: 2, failed: 0, results: verdicts })
})

test('202, 422 and 503 by what became of the events', () => {
  const table: [Verdict[], number, string | undefined][] = [
    [[accepted('a')], 202, undefined],
    [[accepted('a'), bad], 202, undefined],
    [[bad, bad], 422, 'all_rejected'],
    [[bad, failed('a', 'timeout')], 503, 'publish_failed'],
    [[accepted('a'), failed('b', 'timeout')], 503, 'publish_failed'],
  ]
  for (const [verdicts, status, code] of table) {
    const answer = answerOf(verdicts, false)
    assert.equal(answer.kind === 'accepted' ? answer.status : answer.problem.status, status)
    assert.equal(answer.kind === 'problem' ? answer.problem.code : undefined, code)
    if (answer.kind === 'problem')
      assert.deepEqual(answer.problem.members, { ...countsOf(verdicts), results: verdicts })
  }
})

test('a pointer longer than any name should be gives way to the place around it', () => {
  const at = (pointer: string) => rejected('a', 'invalid', [{ ...fault, pointer }]).errors?.[0]?.pointer
  assert.equal(at(`/data/${'x'.repeat(494)}`), `/data/${'x'.repeat(494)}`)
  assert.equal(at(`/data/place/${'x'.repeat(1_000_000)}/y`), '/data/place')
  assert.equal(at(`/${'x'.repeat(1_000_000)}`), '')
})

test('ten thousand bad events stay a small answer, each with its first fault', () => {
  const many = Array.from({ length: 10_000 }, () =>
    rejected(
      'a',
      'invalid',
      Array.from({ length: 10 }, () => fault),
    ),
  )
  const answer = answerOf(many, false)
  assert.ok(answer.kind === 'problem')
  const results = answer.problem.members?.['results'] as Verdict[]
  assert.ok(results.every((one) => (one.errors?.length ?? 0) >= 1))
  assert.ok(results.reduce((sum, one) => sum + (one.errors?.length ?? 0), 0) < 13_000)
})
