import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { readBody } from '../../src/collect/index.ts'
import { checkDefinition, columnsOf, compose, requireTimestamp, type Definition } from '../../src/pdm/index.ts'
import { Problem } from '../../src/problems/index.ts'
import { BAD_DEFINITIONS } from '../kit/bad-definitions.ts'
import {
  BAD_INPUT_DEFINITION,
  BAD_INPUTS,
  expectedAnswers,
  goodEvent,
  type BadInput,
  type ExpectedAnswer,
  type SentRequest,
} from '../kit/bad-input.ts'
import { collectInto, type Answer } from '../kit/collect.ts'

const place = { dataset: 'orders', foreignDataset: 'theirs' }
const { collect, records } = collectInto({ orders: BAD_INPUT_DEFINITION })

async function send(sent: SentRequest): Promise<Answer> {
  const stream = new PassThrough()
  if (sent.delivery === undefined || sent.delivery === 'whole') stream.end(sent.body)
  else {
    stream.write(sent.body.subarray(0, 20))
    if (sent.delivery === 'half') setImmediate(() => stream.destroy())
  }
  const body = await readBody(stream, {
    maxBodyBytes: 16 << 20,
    bodyTimeoutMs: sent.delivery === 'slow' ? 100 : 10_000,
  }).catch((error: unknown) => error as Problem)
  if (body instanceof Problem) return { status: body.status, code: body.code, detail: body.message, results: [] }
  return collect({ ...sent, body })
}

function check(answer: Answer, { status, code, verdict }: ExpectedAnswer, at: number): void {
  assert.equal(answer.status, status, `${answer.detail}`)
  assert.equal(answer.code, code)
  const shown = answer.results[at]
  assert.equal(shown === undefined ? undefined : (shown.code ?? shown.status), verdict)
}

const events = expectedAnswers('Events')
const requests = expectedAnswers('Requests')
const caseOf = (input: string): BadInput => {
  const found = BAD_INPUTS.find((one) => one.input === input)
  assert.ok(found !== undefined, `the table has "${input}", the cases do not`)
  return found
}

test('the tables and the cases speak of the same inputs, each once', () => {
  const rows = [...events, ...requests].map((row) => row.input)
  assert.deepEqual(rows.toSorted(), BAD_INPUTS.map((one) => one.input).toSorted())
  assert.equal(new Set(rows).size, rows.length)
})

for (const expected of events) {
  const { input } = expected
  test(`${input}: alone ${expected.status} ${expected.verdict}, and no neighbour is touched`, async () => {
    const bad = Buffer.from(caseOf(input).event?.(place) ?? assert.fail('not an event'))
    const started = performance.now()
    check(await send({ contentType: 'application/json', body: bad }), expected, 0)
    assert.ok(performance.now() - started < 10_000, 'answered in bounded time')

    const good = Buffer.from(goodEvent(place))
    const join = (...parts: (string | Buffer)[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part)))
    const batches: SentRequest[] = [
      { contentType: 'application/x-ndjson', body: join(good, '\n', bad, '\r\n', good, '\n') },
    ]
    // In a JSON list an event whose brackets do not match takes the list with it.
    if (isBalanced(bad))
      batches.push({ contentType: 'application/json', body: join('{"events": [', good, ' ,', bad, ', ', good, ']}') })
    for (const batch of batches) {
      const before = records.length
      const answer = await send(batch)
      assert.equal(answer.status, 202, `${answer.detail}`)
      assert.deepEqual(
        answer.results.map((one) => one.status),
        ['accepted', expected.verdict === 'accepted' ? 'accepted' : 'rejected', 'accepted'],
      )
      check({ ...answer, code: undefined, status: 202 }, { ...expected, status: 202, code: undefined }, 1)
      assert.equal(records.length - before, expected.verdict === 'accepted' ? 3 : 2)
    }
  })
}

const isBalanced = (event: Buffer): boolean => {
  const text = event.toString('latin1').trim()
  return !text.startsWith('{"dataset": "orders", "data": {') && !text.endsWith('}{}') && !text.startsWith('ï»¿')
}

for (const expected of requests) {
  test(`${expected.input}: ${expected.status} ${expected.code ?? ''}`, async () => {
    const before = records.length
    const answer = await send(caseOf(expected.input).request?.(place) ?? assert.fail('not a request'))
    check(answer, expected, expected.input.includes('in the middle') ? 1 : 0)
    assert.equal(records.length - before, answer.results.filter((one) => one.status === 'accepted').length)
    if (expected.status === 413) assert.match(String(answer.detail), /\d{4,}/, 'the sentence names the limit')
  })
}

test('one bad line in the middle leaves its neighbours accepted, with a null id of its own', async () => {
  const answer = await send(caseOf('NDJSON with one bad line in the middle').request?.(place) as SentRequest)
  assert.deepEqual(
    answer.results.map((one) => one.status),
    ['accepted', 'rejected', 'accepted'],
  )
  assert.equal(answer.results[1]?.event_id, null)
})

const definitions = expectedAnswers('Definitions')
test('the table of definitions and the cases speak of the same, each once', () => {
  assert.deepEqual(definitions.map((row) => row.input).toSorted(), BAD_DEFINITIONS.map((one) => one.input).toSorted())
})

for (const { input, status, code } of definitions) {
  test(`${input}: ${status} ${code}`, () => {
    const bad = BAD_DEFINITIONS.find((one) => one.input === input)
    assert.ok(bad !== undefined)
    const started = performance.now()
    assert.throws(
      () => {
        checkDefinition('schema', bad.definition)
        const composed = compose({
          definition: bad.definition as Definition,
          class:
            bad.classDefinition === undefined
              ? undefined
              : { uri: 'https://test.example/class', definition: bad.classDefinition },
          fieldGroups: [],
          resolve: () => undefined,
        })
        columnsOf(composed)
        if (bad.asDataset === true) requireTimestamp(composed)
      },
      (error: unknown) => {
        assert.ok(error instanceof Problem, String(error))
        assert.deepEqual([error.status, error.code], [status, code], error.message)
        assert.match(error.message, /\.$/, 'a sentence')
        return true
      },
    )
    assert.ok(performance.now() - started < 10_000, 'refused in bounded time')
  })
}
