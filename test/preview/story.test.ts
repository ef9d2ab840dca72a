import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { Problem } from '../../src/problems/index.ts'
import { openStory } from '../../src/preview/story.ts'
import { listen, type Announcements } from '../../src/telemetry/index.ts'
import { runWith } from '../../src/tenancy/index.ts'

const OF = { tenantSlug: 'acme', datasetSlug: 'orders' }
const TRACE = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: true }

function hear(t: TestContext): Announcements['preview.finished'][] {
  const said: Announcements['preview.finished'][] = []
  t.after(listen('preview.finished', (one) => void said.push(one)))
  return said
}

test('a preview says once how long each phase took, what it read, and in which trace', async (t) => {
  const said = hear(t)
  const context = { tenantId: 'x', tenantSlug: 'acme', trace: TRACE }
  await runWith(context, async () => {
    const story = openStory(OF)
    await delay(20)
    story.begun()
    await story.timed('planMs', () => delay(10))
    story.chose([{ bytes: 5 }, { bytes: 6 }], 7)
    await assert.rejects(story.timed('fetchMs', () => Promise.reject(new Error('gone'))))
    await story.timed('planMs', () => delay(10))
    story.chose([{ bytes: 3 }], 2)
    await story.timed('decodeMs', () => delay(10))
    story.answered(4)
    story.told()
  })
  const [one] = said
  assert.ok(said.length === 1 && one !== undefined)
  const { tenant, dataset, outcome, rows, filesRead, filesPruned, bytesRead, within } = one
  assert.deepEqual(
    { tenant, dataset, outcome, rows, filesRead, filesPruned, bytesRead, within },
    {
      tenant: 'acme',
      dataset: 'orders',
      outcome: 'ok',
      rows: 4,
      filesRead: 3,
      filesPruned: 6,
      bytesRead: 14,
      within: TRACE,
    },
  )
  assert.ok(one.planMs >= 18 && one.decodeMs >= 9 && one.fetchMs < one.planMs)
  assert.ok(one.totalMs >= 20 + one.planMs + one.decodeMs - 2, 'the wait for its turn is part of it')
  const untilNow = Date.now() - one.startedAtMs
  assert.ok(untilNow < one.totalMs, 'it started when its turn had come')
})

test('what became of it has one of five names; a question that is wrong or shed is no preview', (t) => {
  const said = hear(t)
  const cases: readonly (readonly [error: unknown, rows: number, outcome: string | undefined])[] = [
    [undefined, 1, 'ok'],
    [undefined, 0, 'empty'],
    [new Problem('dependency_away', 'away'), 0, 'error'],
    [new TypeError('a defect'), 0, 'error'],
    [new Problem('overloaded', 'late', { cause: new DOMException('late', 'TimeoutError') }), 0, 'timeout'],
    [new Problem('overloaded', 'large', { cause: new Error('Out of Memory Error: no') }), 0, 'too_large'],
    [new Problem('overloaded', 'full', { shed: 'inflight' }), 0, undefined],
    [new Problem('unknown_snapshot', 'none'), 0, undefined],
    [new Problem('invalid_parameter', 'no such column'), 0, undefined],
  ]
  for (const [error, rows, outcome] of cases) {
    said.length = 0
    const story = openStory(OF)
    story.answered(rows)
    story.told(error)
    assert.deepEqual(
      said.map((one) => one.outcome),
      outcome === undefined ? [] : [outcome],
      String(error),
    )
    assert.equal(said[0]?.rows ?? 0, outcome === 'ok' ? rows : 0)
    assert.equal(said[0]?.within, undefined)
  }
})
