import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { FlushLake, FlushRecord } from '../../src/ingest/index.ts'
import { LakeFault } from '../../src/lake/index.ts'
import { LOG, openLog, resourceOf } from '../../src/telemetry/index.ts'
import { at, openCarriage, recordOf, type Place } from '../kit/carriage.ts'
import { until } from '../kit/until.ts'

interface Line {
  readonly event: string
  readonly level: string
  readonly tenant?: string
  readonly dataset?: string
  readonly trace_id?: string
  readonly flush_id?: string
  readonly error?: { readonly code?: string; readonly stack?: string }
}

/** The lines that a worker's log would have, from now on. */
function logOf(t: TestContext): { lines(): Line[]; of(event: keyof typeof LOG): Line[] } {
  const text: string[] = []
  const log = openLog({
    level: 'info',
    resource: resourceOf('worker'),
    repeatMs: 1,
    to: { write: (line) => text.push(line) },
  })
  t.after(() => log[Symbol.asyncDispose]())
  const lines = (): Line[] => text.map((line) => JSON.parse(line) as Line)
  return { lines, of: (event) => lines().filter((line) => line.event === event) }
}

/** What each line of a failure must say for somebody who was not there. */
function assertTold(line: Line | undefined, place: Place, code: RegExp): void {
  const told = JSON.stringify(line)
  assert.match(line?.level ?? '', /^(warn|error)$/, told)
  assert.equal(line?.tenant, place.tenantSlug, told)
  assert.match(line?.trace_id ?? '', /^[0-9a-f]{32}$/, told)
  assert.match(line?.error?.code ?? '', code, told)
}

const POINTS = ['flush.drafted', 'flush.intent_opened', 'flush.files_written', 'flush.staged', 'flush.before_commit']

for (const point of POINTS) {
  test(`a defect at ${point} is told with tenant, dataset, trace and code, and the rows come all the same`, async (t) => {
    const carriage = await openCarriage(t)
    const place = await carriage.place()
    const log = logOf(t)
    carriage.log.append(place.topic, 0, [recordOf(place, { timestamp: at(1), n: 1 })])
    let left = 1
    const ingest = await carriage.start({
      point: (name) => {
        if (name === point && (left -= 1) >= 0) throw new TypeError('cannot read properties of undefined')
      },
    })
    await until('the row', () => ingest.tally.appended === 1)
    const [failed] = log.of('worker.flush.failed')
    assertTold(failed, place, /^internal$/)
    assert.equal(failed?.dataset, 'events')
    assert.equal(failed?.trace_id, failed?.flush_id?.replaceAll('-', ''))
    const [defect] = log.of('process.defect')
    assertTold(defect, place, /^internal$/)
    assert.match(defect?.error?.stack ?? '', /TypeError/)
    const [committed] = log.of('worker.flush.committed')
    assert.deepEqual([committed?.tenant, committed?.dataset], [place.tenantSlug, 'events'])
    for (const { event } of log.lines()) assert.ok(event in LOG, event)
  })
}

test('each way a stage fails has its line: unknown, unconvertible, lake away, table gone, commit unanswered', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const gone = await carriage.addDataset(place, 'gone')
  const log = logOf(t)
  carriage.log.append(place.topic, 0, [
    recordOf(place, { timestamp: at(1), n: 1 }),
    recordOf(place, { timestamp: at(1), n: 'no number' }),
    recordOf({ ...place, dataset: { ...place.dataset, id: '01900000-0000-7000-8000-00000000ffff' } }, { n: 1 }),
    recordOf(gone, { timestamp: at(1), n: 2 }),
  ])
  let lakeFaults = 1
  let commits = 0
  const ingest = await carriage.start({
    lake: (real): FlushLake => ({
      ...real,
      write: async (...given) => {
        if ((lakeFaults -= 1) >= 0) throw new LakeFault('store_refused', 'no more room, on purpose')
        return real.write(...given)
      },
      pointer: async (...given) => (JSON.stringify(given).includes('"gone"') ? undefined : real.pointer(...given)),
    }),
    record: (real): FlushRecord => ({
      ...real,
      async commit(commit) {
        commits += 1
        const outcome = await real.commit(commit)
        if (commits === 1) throw carriage.away()
        return outcome
      },
    }),
  })
  await until('one row and two dead letters', () => ingest.tally.appended === 1 && ingest.tally.deadLettered === 2)
  await until('the parked dataset', () => log.of('worker.dataset.parked').length > 0)

  assertTold(log.of('worker.dataset.parked')[0], place, /^table_unavailable$/)
  assert.equal(log.of('worker.dataset.parked')[0]?.dataset, 'gone')
  const reasons = log.of('worker.events.dead_lettered')
  assert.deepEqual(reasons.map((line) => line.error?.code).sort(), ['unconvertible', 'unknown_dataset'])
  for (const line of reasons) assertTold(line, place, /./)
  const failed = log.of('worker.flush.failed')
  assert.ok(failed.some((line) => line.error?.code === 'store_refused' && line.dataset === 'events'))
  for (const line of failed) assertTold(line, place, /./)
  for (const line of log.lines().filter(({ level }) => level === 'warn' || level === 'error')) {
    if (line.event.startsWith('dependency.')) continue // nobody's in particular
    assertTold(line, place, /./)
  }
})
