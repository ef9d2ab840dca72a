import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { openDoor } from '../../src/canary/door.ts'
import { startRounds } from '../../src/canary/rounds.ts'
import { parseTraceparent, systemClock } from '../../src/event/index.ts'
import { listen, openTelemetry, type AnnouncementName, type Announcements } from '../../src/telemetry/index.ts'
import { until } from '../kit/until.ts'
import { openFakeApi, TENANT, type FakeApi } from './fake-api.ts'

const EVENTS = 3

interface Watched {
  readonly api: FakeApi
  readonly pending: () => number
  readonly missing: () => number
  heard<N extends AnnouncementName>(name: N): readonly Announcements[N][]
  /** A counter's value in the canary's own metrics. */
  value(series: string): Promise<number>
  outcomes(): Promise<Record<string, number>>
  stop(): Promise<void>
}

/** A canary of this process on a lake that does what the test says, with its real metrics, quick as tests are. */
async function watch(owner: TestContext, prepare: (api: FakeApi) => void = () => {}): Promise<Watched> {
  const api = await openFakeApi(owner)
  prepare(api)
  const telemetry = openTelemetry({ plane: 'canary', logLevel: 'fatal' })
  owner.after(async () => telemetry[Symbol.asyncDispose]())
  const heard = new Map<AnnouncementName, unknown[]>()
  for (const name of [
    'canary.started',
    'canary.sent',
    'canary.returned',
    'canary.verified',
    'canary.strayed',
    'canary.hindered',
  ] as const) {
    heard.set(name, [])
    owner.after(listen(name, (said) => heard.get(name)?.push(said)))
  }
  const rounds = startRounds({
    door: openDoor(api.url, 2_000),
    everyMs: 40,
    pauseMs: 10,
    events: EVENTS,
    seed: 'test',
    clock: systemClock,
    now: () => performance.now(),
    book: { lateMs: 300, missingMs: 600, watchRounds: 2 },
  })
  const stop = async (): Promise<void> => rounds[Symbol.asyncDispose]()
  owner.after(stop)
  const value = async (series: string): Promise<number> => {
    const { body } = await telemetry.metrics.exposition()
    const line = body.split('\n').find((candidate) => candidate.startsWith(`${series} `))
    assert.ok(line !== undefined, `no series ${series}`)
    return Number(line.slice(series.length))
  }
  return {
    api,
    pending: () => rounds.pending(),
    missing: () => rounds.missing(),
    heard: <N extends AnnouncementName>(name: N) => (heard.get(name) ?? []) as Announcements[N][],
    value,
    async outcomes() {
      const found: Record<string, number> = {}
      for (const outcome of ['exactly_once', 'missing', 'duplicated', 'corrupted', 'late'])
        found[outcome] = await value(`pulse_canary_verified_total{outcome="${outcome}"}`)
      return found
    },
    stop,
  }
}

/** One event, the second of the third round, meets a fate of its own. */
const only = (fate: FakeApi['lake']) => (api: FakeApi) => {
  api.lake = (row) => (row['round'] === '3' && row['position'] === 1 ? fate(row) : [row])
}

/** Waits for rounds enough to be judged, and holds the canary to the law; the outcomes in the end. */
async function judged(canary: Watched, rounds: number): Promise<Record<string, number>> {
  await until('rounds to be judged', () => canary.heard('canary.returned').length >= rounds)
  await until('all that is open to be few', () => canary.pending() <= 5 * EVENTS)
  await canary.stop()
  const outcomes = await canary.outcomes()
  const sum = Object.values(outcomes).reduce((total, count) => total + count, 0)
  assert.equal(await canary.value('pulse_canary_sent_total'), sum + canary.pending(), 'sent = outcomes + pending')
  return outcomes
}

test('a lake that keeps everything once: every round comes back, exactly once', async (t) => {
  const canary = await watch(t)
  const { exactly_once: right, ...wrong } = await judged(canary, 8)
  assert.ok((right ?? 0) >= 5 * EVENTS)
  assert.deepEqual(wrong, { missing: 0, duplicated: 0, corrupted: 0, late: 0 })
  assert.deepEqual(canary.heard('canary.hindered'), [])
  assert.ok((await canary.value('pulse_canary_last_success_timestamp_seconds')) > Date.now() / 1000 - 10)
  const [returned] = canary.heard('canary.returned')
  assert.ok(returned !== undefined && returned.acceptedMs <= returned.previewedMs && returned.committedMs >= 0)
})

test('an event that is dropped on the way is named missing', async (t) => {
  const canary = await watch(
    t,
    only(() => []),
  )
  await until('an event to be missing', async () => (await canary.outcomes())['missing'])
  const { missing, duplicated, corrupted, late } = await judged(canary, 8)
  assert.deepEqual({ missing, duplicated, corrupted, late }, { missing: 1, duplicated: 0, corrupted: 0, late: 0 })
  const told = canary.heard('canary.verified').find(({ outcomes }) => outcomes.missing > 0)
  assert.match(told?.detail ?? '', /was accepted and is no row/)
  assert.equal(told?.traceId, parseTraceparent(canary.api.traces[2])?.traceId, 'the trace of the round it was sent in')
})

test('an event that is doubled on the way is named duplicated', async (t) => {
  const canary = await watch(
    t,
    only((row) => [row, { ...row }]),
  )
  const { missing, duplicated, corrupted, late } = await judged(canary, 8)
  assert.deepEqual({ missing, duplicated, corrupted, late }, { missing: 0, duplicated: 1, corrupted: 0, late: 0 })
})

test('an event whose second row comes after it was seen is named duplicated, and not exactly once as well', async (t) => {
  const canary = await watch(t)
  const first = await until('a round', () => canary.heard('canary.returned')[0])
  canary.api.rows.push({ ...canary.api.rows.find((row) => row['round'] === String(first.round)) })
  const { duplicated, missing, corrupted, late } = await judged(canary, 8)
  assert.deepEqual({ missing, duplicated, corrupted, late }, { missing: 0, duplicated: 1, corrupted: 0, late: 0 })
})

test('an event that is damaged on the way, in any column, is named corrupted', async (t) => {
  const canary = await watch(
    t,
    only((row) => [{ ...row, real: Number(row['real']) + 1e-9 }]),
  )
  const { missing, duplicated, corrupted, late } = await judged(canary, 8)
  assert.deepEqual({ missing, duplicated, corrupted, late }, { missing: 0, duplicated: 0, corrupted: 1, late: 0 })
  const told = canary.heard('canary.verified').find(({ outcomes }) => outcomes.corrupted > 0)
  assert.match(told?.detail ?? '', /came back with another real\.$/)
})

test('an event that is delayed beyond the objective is named late', async (t) => {
  const canary = await watch(t, (api) =>
    only((row) => {
      setTimeout(() => api.rows.push(row), 400)
      return []
    })(api),
  )
  await until('an event to be late', async () => (await canary.outcomes())['late'])
  const { missing, duplicated, corrupted, late } = await judged(canary, 8)
  assert.deepEqual({ missing, duplicated, corrupted, late }, { missing: 0, duplicated: 0, corrupted: 0, late: 1 })
})

test('an event that comes after it was named missing is told, and counted as missing alone', async (t) => {
  let kept: Readonly<Record<string, unknown>> | undefined
  const canary = await watch(
    t,
    only((row) => {
      kept = row
      return []
    }),
  )
  await until('an event to be missing', async () => (await canary.outcomes())['missing'])
  assert.equal(canary.missing(), 1)
  canary.api.rows.push(kept as Readonly<Record<string, unknown>>)
  await until('it to be told', () => canary.heard('canary.strayed')[0]?.events === 1)
  assert.equal(canary.missing(), 0)
  const { missing, late } = await judged(canary, 8)
  assert.deepEqual([missing, late], [1, 0])
})

test('while nobody can look, nothing is judged; afterwards everything is found', async (t) => {
  const canary = await watch(t)
  await until('a few rounds', () => canary.heard('canary.returned').length >= 2)
  canary.api.down = { status: 503, code: 'dependency_away' }
  const before = canary.heard('canary.hindered').length
  await until('it to notice', () => canary.heard('canary.hindered').length > before + 20)
  canary.api.down = undefined
  const { missing, duplicated, corrupted } = await judged(canary, 8)
  assert.deepEqual([missing, duplicated, corrupted], [0, 0, 0])
  assert.ok(canary.heard('canary.hindered').every(({ code }) => code === 'dependency_away'))
})

test('what the API does not accept is refused, and looked for by nobody', async (t) => {
  const canary = await watch(t, (api) => {
    api.verdict = (row) => (row['position'] === 0 ? 'failed' : 'accepted')
  })
  const { missing } = await judged(canary, 8)
  assert.equal(missing, 0)
  const sent = canary.heard('canary.sent')
  assert.ok(sent.every(({ events, accepted }) => events === EVENTS && accepted === EVENTS - 1))
  assert.equal(await canary.value('pulse_canary_refused_total'), sent.length)
  assert.deepEqual([...new Set(canary.heard('canary.hindered').map(({ code }) => code))], ['publish_failed'])
})

test('every round is a trace of its own, and asks to be kept', async (t) => {
  const canary = await watch(t)
  await judged(canary, 3)
  const traces = canary.api.traces.map(parseTraceparent)
  assert.ok(traces.every((trace) => trace?.sampled === true))
  assert.equal(new Set(traces.map((trace) => trace?.traceId)).size, traces.length)
  assert.deepEqual(
    canary.heard('canary.sent').map(({ traceId }) => traceId),
    traces.map((trace) => trace?.traceId),
  )
})

test('a database that was made anew is moved into; what was on the way is missing', async (t) => {
  const canary = await watch(t)
  await until('a few rounds', () => canary.heard('canary.returned').length >= 2)
  canary.api.forget()
  await until('a second home', () => canary.heard('canary.started').length === 2)
  const before = canary.heard('canary.returned').length
  await until('rounds in it', () => canary.heard('canary.returned').length > before + 2)
  assert.ok(canary.api.asked.includes('POST /v1/datasets'))
})

test('a tenant that is not there yet is waited for', async (t) => {
  const canary = await watch(t, (api) => (api.hasTenant = false))
  await until('it to be asked for again', () => canary.api.asked.filter((path) => path.endsWith('tenants')).length > 1)
  assert.deepEqual(new Set(canary.api.asked), new Set(['GET /v1/tenants']))
  canary.api.hasTenant = true
  await until('a round', () => canary.heard('canary.returned').length > 0)
  assert.equal(canary.heard('canary.started').length, 1)
  assert.ok(TENANT.length === 36)
})

test('where its uri is taken and the lake is away, trying again leaves one schema behind and not one for each try', async (t) => {
  const canary = await watch(t, (api) => {
    api.foreignUris.add('urn:pulse:canary:v1')
    api.hasLake = false
  })
  const tries = () => canary.api.asked.filter((path) => path === 'POST /v1/datasets').length
  await until('some tries', () => tries() >= 4)
  const published = canary.api.asked.filter((path) => path.startsWith('PATCH /v1/schemas'))
  assert.equal(new Set(published).size, 1)
  canary.api.hasLake = true
  await until('a round', () => canary.heard('canary.returned').length > 0)
})
