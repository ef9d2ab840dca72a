import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Bus } from '../../src/bus/index.ts'
import { RECORD_HEADERS, rawTopic } from '../../src/event/index.ts'
import { openWatermarks } from '../../src/outcomes/watermark.ts'
import { openMemoryLog } from '../kit/memory-log.ts'

const TENANT = '018f4c6e-0000-7000-8000-00000000000a'
const TOPIC = rawTopic(TENANT)
const TOPIC_ID = '018f4c6e-0000-7000-8000-0000000000b1'
const NOW = Date.parse('2026-11-25T08:00:00.000Z')

const record = (receivedAt: string) => ({ key: 'k', value: '{}', headers: { [RECORD_HEADERS.receivedAt]: receivedAt } })

function prepare(t: { after(act: () => Promise<void>): void }) {
  const log = openMemoryLog()
  log.addTopic({ name: TOPIC, topicId: TOPIC_ID, partitions: 2 })
  const clock = { ms: NOW, now: () => clock.ms }
  const asked = { offsets: 0 }
  const admin = {
    ...log.admin,
    offsets: (of: Parameters<typeof log.admin.offsets>[0]) => {
      asked.offsets += 1
      return log.admin.offsets(of)
    },
  }
  const watermarks = openWatermarks({ admin: admin as Bus['admin'], reader: log.reader }, clock)
  t.after(async () => watermarks[Symbol.asyncDispose]())
  const settled = (...offsets: number[]) =>
    offsets.map((nextOffset, partition) => ({ topicId: TOPIC_ID, partition, nextOffset }))
  return { log, clock, asked, watermarks, settled }
}

test('with nothing pending, everything that was acknowledged before the question is settled', async (t) => {
  const { log, watermarks, settled } = prepare(t)
  log.append(TOPIC, 0, [record('2026-11-25T07:59:00Z')])
  const ends = await watermarks.ends(TENANT)
  log.append(TOPIC, 0, [record('2026-11-25T07:59:59Z')])
  assert.equal(await watermarks.of(ends, settled(1, 0)), '2026-11-25T08:00:00.000000Z')
})

test('what is pending holds it back to when the first of it was received, whichever partition has it', async (t) => {
  const { log, watermarks, settled } = prepare(t)
  log.append(TOPIC, 0, [record('2026-11-25T07:00:00Z'), record('2026-11-25T07:50:00Z')])
  log.append(TOPIC, 1, [record('2026-11-25T07:10:00Z'), record('2026-11-25T07:40:00.5Z')])
  const ends = await watermarks.ends(TENANT)
  assert.equal(await watermarks.of(ends, settled(1, 1)), '2026-11-25T07:40:00.500000Z')
  assert.equal(
    await watermarks.of(ends, settled(1)),
    '2026-11-25T07:10:00.000000Z',
    'a partition that nobody knows yet',
  )
  assert.equal(await watermarks.of(ends, settled(2, 2)), '2026-11-25T08:00:00.000000Z')
  log.deleteBelow(TOPIC, 1, 1)
  const { partitions } = ends
  const later = { ...ends, partitions: partitions?.map((one) => ({ ...one, earliest: one.partition })) }
  assert.equal(
    await watermarks.of(later, settled(2)),
    '2026-11-25T07:40:00.500000Z',
    'what was removed is not waited for',
  )
})

test('a clock that ran ahead tells nobody to send again what lies behind its record', async (t) => {
  const { log, clock, watermarks, settled } = prepare(t)
  log.append(TOPIC, 0, [record('2026-11-25T08:00:05Z'), record('2026-11-25T07:59:59Z')])
  const ends = await watermarks.ends(TENANT)
  assert.equal(await watermarks.of(ends, settled(0, 0)), null)
  assert.equal(await watermarks.of(ends, settled(1, 0)), '2026-11-25T07:59:59.000000Z')
  clock.ms += 5_000
  const later = await watermarks.of(await watermarks.ends(TENANT), settled(0, 0))
  assert.equal(later, '2026-11-25T08:00:05.000000Z', 'what was received when the bus was asked is believed')
})

test('a record that does not say when it was received counts by its own time', async (t) => {
  const { log, watermarks } = prepare(t)
  log.append(TOPIC, 1, [{ key: 'k', value: '{}', timestampMs: NOW - 1_000 }])
  const { partitions = [] } = await watermarks.ends(TENANT)
  const ends = { tenantId: TENANT, atMs: NOW, partitions: partitions.map((one) => ({ ...one, latest: one.partition })) }
  assert.equal(await watermarks.of(ends, []), '2026-11-25T07:59:59.000000Z')
})

test('nobody can say while the bus is away, without a topic, or when what is pending cannot be read; and it comes back', async (t) => {
  const { log, clock, watermarks } = prepare(t)
  log.append(TOPIC, 0, [record('2026-11-25T07:59:00Z')])
  const ends = await watermarks.ends(TENANT)
  log.setAway(true)
  assert.equal(await watermarks.of(ends, []), null)
  clock.ms += 1_000
  const away = await watermarks.ends(TENANT)
  assert.equal(away.partitions, undefined)
  assert.equal(await watermarks.of(away, []), null)
  log.setAway(false)
  const other = await watermarks.ends('018f4c6e-0000-7000-8000-00000000000b')
  assert.equal(await watermarks.of(other, []), null)
  clock.ms += 1_000
  assert.equal(await watermarks.of(await watermarks.ends(TENANT), []), '2026-11-25T07:59:00.000000Z')
  log.deleteBelow(TOPIC, 0, 1)
  assert.equal(await watermarks.of(ends, []), null, 'the record left the bus meanwhile')
})

test('many who ask at once ask the bus once, and again after half a second', async (t) => {
  const { clock, asked, watermarks } = prepare(t)
  await watermarks.ends(TENANT)
  await Promise.all(Array.from({ length: 50 }, () => watermarks.ends(TENANT)))
  assert.equal(asked.offsets, 1)
  clock.ms += 501
  await watermarks.ends(TENANT)
  assert.equal(asked.offsets, 2)
})
