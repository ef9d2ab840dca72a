import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { rawTopic } from '../../src/event/index.ts'
import { makeJourney, withApi } from '../kit/api-server.ts'
import { typed } from '../kit/commands.ts'
import { ownFolder } from '../kit/folder.ts'
import { putLetters } from '../kit/letters.ts'
import type { Owner } from '../kit/postgres.ts'

const AT = '"timestamp":"2026-11-25T08:00:00Z"'
const event = (n: string): string => `{"dataset":"events","data":{${AT},"n":${n}}}`

async function prepare(owner: Owner) {
  const api = await withApi(owner)
  const { tenant, dataset } = await makeJourney(api)
  const env = { PULSE_URL: api.url, PULSE_TENANT: tenant }
  const datasetId = String(dataset['id'])
  const put = (...values: readonly string[]): Promise<string[]> =>
    putLetters(
      api.postgres.sql('admin'),
      values.map((value) => ({ tenantId: tenant, datasetId, value, pointer: '/data/n' })),
    )
  const putAt = (pointers: readonly string[]): Promise<string[]> =>
    putLetters(
      api.postgres.sql('admin'),
      pointers.map((pointer) => ({ tenantId: tenant, datasetId, value: event('"one"'), pointer })),
    )
  const putLost = async (value: string): Promise<string> => {
    const letters = [{ tenantId: tenant, reason: 'unknown_dataset' as const, value }]
    return String((await putLetters(api.postgres.sql('admin'), letters))[0])
  }
  const pulse = (...words: string[]) => typed(env, ...words)
  const published = (): string[] => (api.bus.records.get(rawTopic(tenant)) ?? []).map(({ value }) => value.toString())
  return { put, putAt, putLost, pulse, published, folder: await ownFolder(owner), bus: api.bus }
}

test('dead letters are listed, counted and shown', async (t) => {
  const { put, pulse } = await prepare(t)
  assert.equal((await pulse('dead-letters', 'list')).out, 'There are no dead letters like that.\n')
  const [first, second] = await put(event('"one"'), event('12345678901234567890'))
  const list = await pulse('dead-letters', 'list', '--dataset', 'events')
  assert.match(list.out, /^id +at +reason +pointer +error +event_id +replayed_at\n/)
  assert.match(list.out, new RegExp(`^${second} +2\\S+Z +unconvertible +/data/n +It did not fit\\. `, 'm'))
  assert.match((await pulse('dead-letters', 'list', '--limit', '1')).out, /\nThere are more: --cursor \S+\n$/)
  const counts = await pulse('dead-letters', 'list', '--group', 'pointer')
  assert.match(counts.out, /^reason +pointer +count +first_at +last_at\nunconvertible +\/data\/n +2 +2\S+Z +2\S+Z\n$/)
  assert.match(
    (await pulse('dead-letters', 'list', '--group', 'day')).out,
    /^reason +day +count .*\n.* 20\d\d-\d\d-\d\d +\d+ /m,
  )
  const shown = await pulse('dead-letters', 'show', String(second))
  assert.match(shown.out, /\npayload:\n\{[^}]+"n": 12345678901234567890\n/, 'digit for digit')
  assert.match(
    (await pulse('dead-letters', 'list', '--pointer', '/data/m')).out,
    /^There are no dead letters like that/,
  )
  assert.equal((await pulse('dead-letters', 'show', String(first), '--dataset', 'other')).code, 1)
  const ever = ['--from', '2020-01-01', '--to', '2999-01-01']
  assert.match((await pulse('dead-letters', 'list', ...ever)).out, new RegExp(`^${first} `, 'm'), 'days are instants')
})

test('one is replayed as it is or edited, and once only', async (t) => {
  const { put, pulse, published, folder } = await prepare(t)
  const [fits, not] = await put(event('1'), event('"two"'))
  assert.match((await pulse('dead-letters', 'replay', String(fits), '--dry-run')).out, /^status +would_pass$/m)
  assert.deepEqual(published(), [])
  assert.match((await pulse('dead-letters', 'replay', String(fits))).out, /^status +replayed$/m)
  assert.match((await pulse('dead-letters', 'replay', String(fits))).out, /^status +already_replayed$/m)
  const refused = await pulse('dead-letters', 'replay', String(not))
  assert.equal(refused.code, 1)
  assert.match(refused.err, /^ {2}\/data\/n {2}\S/m)
  const data = join(folder, 'data.json')
  await writeFile(data, `{${AT},\n "n": 9007199254740993}`)
  assert.match((await pulse('dead-letters', 'replay', String(not), '--data', data)).out, /^status +replayed$/m)
  assert.equal(published().length, 2)
  assert.match(published()[1] ?? '', /"n": 9007199254740993/)
})

test('many are replayed slice after slice, after a dry run that changes nothing, and what is refused is told', async (t) => {
  const { put, pulse, published, bus } = await prepare(t)
  await put(...Array.from({ length: 505 }, (_, n) => event(String(n))), event('"no"'))
  const dry = await pulse('dead-letters', 'replay', '--dataset', 'events', '--reason', 'unconvertible', '--dry-run')
  assert.match(
    dry.out,
    /^506 dead letters: 505 would pass, 1 would not\n\nid +code +pointer +message\n\d+ +\w+ +\/data\/n +\S/,
  )
  assert.equal(dry.code, 1)
  assert.deepEqual(published(), [])
  bus.setAway(true)
  const away = await pulse('dead-letters', 'replay', '--reason', 'unconvertible')
  assert.equal(away.code, 3, away.err)
  bus.setAway(false)
  const done = await pulse('dead-letters', 'replay', '--reason', 'unconvertible', '--json')
  const { refused, ...sums } = done.json()
  assert.deepEqual(sums, { dry_run: false, examined: 506, replayed: 505, rejected: 1 })
  assert.equal(refused.length, 1)
  assert.equal(published().length, 505)
  const again = await pulse('dead-letters', 'replay', '--all')
  assert.match(again.out, /^1 dead letters: 0 replayed, 1 rejected\n/)
  assert.equal(published().length, 505)
})

test('all are meant only where that is said, and one and many are not mixed', async (t) => {
  const { pulse, published } = await prepare(t)
  for (const [words, says] of [
    [['replay'], /Say which: an id, --reason, --from, --to, --pointer, or --all/],
    [['replay', '7', '--reason', 'invalid'], /not both/],
    [['replay', '--data', 'x.json', '--all'], /--data is for one/],
    [['replay', '--send-to', 'events', '--all'], /--send-to is for one/],
  ] as const) {
    const { code, err } = await pulse('dead-letters', ...words)
    assert.equal(code, 2)
    assert.match(err, says)
  }
  assert.deepEqual(published(), [])
})

test('one of no dataset is sent to the one that is named', async (t) => {
  const { putLost, pulse, published } = await prepare(t)
  const id = await putLost(`{"dataset":"elsewhere","data":{${AT},"n":1}}`)
  assert.equal((await pulse('dead-letters', 'replay', id)).code, 1)
  const replayed = await pulse('dead-letters', 'replay', id, '--send-to', 'events')
  assert.match(replayed.out, /^status +replayed$/m, replayed.err)
  assert.equal((JSON.parse(published()[0] ?? '') as { dataset: string }).dataset, 'events')
})

test('counts of more places than are shown say that they are not all', async (t) => {
  const { putAt, pulse } = await prepare(t)
  await putAt(Array.from({ length: 201 }, (_, n) => `/data/n${n}`))
  const counts = await pulse('dead-letters', 'list', '--group', 'pointer')
  assert.equal(counts.out.split('\n').length, 204, counts.err)
  assert.match(counts.out, /\n\nThese are not all: narrow them with --reason, --from, --to or --pointer\.\n$/)
  assert.doesNotMatch((await pulse('dead-letters', 'list', '--group', 'reason')).out, /not all/)
})

test('an event’s receipt says in a sentence what became of it and what to do', async (t) => {
  const { put, pulse } = await prepare(t)
  const [id] = await put(event('"two"'))
  const shown = await pulse('dead-letters', 'show', String(id), '--json')
  const letter = await pulse('event', shown.json().event_id, '--dataset', 'events')
  assert.match(letter.out, /^It could not become a row \(unconvertible\): It did not fit\.\n\nevent_id +\S/, letter.err)
  const unknown = await pulse('event', randomUUID(), '--dataset', 'events')
  assert.match(unknown.out, /^It is no row yet\. .*\n\nevent_id .*\ndataset +events\nstatus +not_settled\n/)
  assert.equal((await pulse('event', randomUUID())).code, 2)
  assert.equal((await pulse('event', randomUUID(), '--dataset', 'none')).code, 1)
})
