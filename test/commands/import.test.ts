import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createServer, request as sendOn, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { rawTopic } from '../../src/event/index.ts'
import { freePort } from '../../src/store/index.ts'
import { makeJourney, withApi } from '../kit/api-server.ts'
import { begun, spawned, typed } from '../kit/commands.ts'
import { ownFolder } from '../kit/folder.ts'
import type { Owner } from '../kit/postgres.ts'
import { until } from '../kit/until.ts'

const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, name: { type: 'string' }, n: { type: 'integer' } },
  required: ['name'],
}
const row = (n: number | string): string => `{"timestamp":"2026-11-25T08:00:00Z","name":"r${n}","n":${n}}`
const rows = (count: number): string => Array.from({ length: count }, (_, n) => `${row(n)}\n`).join('')

async function prepare(owner: Owner) {
  const api = await withApi(owner)
  const { tenant } = await makeJourney(api, DEFINITION)
  const folder = await ownFolder(owner)
  const env = { PULSE_URL: api.url, PULSE_TENANT: tenant, PULSE_DATA_DIR: folder }
  const file = async (name: string, content: string | Uint8Array): Promise<string> => {
    await writeFile(join(folder, name), content)
    return join(folder, name)
  }
  const records = () => api.bus.records.get(rawTopic(tenant)) ?? []
  const names = (): string[] => records().map(({ value }) => (JSON.parse(value.toString()) as Sent).data.name)
  const ids = (): Set<string> => new Set(records().map(({ key }) => key.toString()))
  const pulse = (...words: string[]) => typed(env, ...words)
  return { api, env, file, pulse, names, ids, records }
}
interface Sent {
  readonly data: { readonly name: string; readonly timestamp: string }
}

test('files of every kind, packed or not, become events, and what is rejected is told by line', async (t) => {
  const { file, pulse, names } = await prepare(t)
  const csv = 'name,n\nfirst,1\n"se,cond",2\nthird,x\n'
  const set = ['--set', 'timestamp=2026-01-01T00:00:00Z']
  const done = await pulse('import', await file('rows.csv', csv), '--dataset', 'events', ...set)
  assert.equal(done.code, 1, done.err)
  assert.match(
    done.out,
    /^2 accepted, 1 rejected \(batch \S+\)\n\nline +code +pointer +message\n\d +\w+ +\/(data\/)?n +\S/,
  )
  const id = /batch (\S+)\)/.exec(done.out)?.[1] ?? ''
  assert.match((await pulse('batch', 'show', id)).out, /^status +done$/m)
  assert.match((await pulse('batch', 'results', id)).out, /^line +event_id +code +pointer +message\n\d /)
  assert.match((await pulse('batch', 'list')).out, new RegExp(`^${id} +events +csv +done +2 +1 `, 'm'))
  for (const [name, content] of [
    ['a.ndjson', rows(2)],
    ['a.jsonl.gz', gzipSync(rows(2))],
    ['a.json.zst', zstdCompressSync(Buffer.from(`[${row(7)}]`))],
    ['a.tsv', 'name\tn\ntab\t1\n'],
  ] as const) {
    const { code, err } = await pulse('import', await file(name, content), '--dataset', 'events', ...set)
    assert.equal(code, 0, `${name}: ${err}`)
  }
  assert.deepEqual(names().sort(), ['first', 'r0', 'r0', 'r1', 'r1', 'r7', 'se,cond', 'tab'])
})

test('columns are mapped and constants set', async (t) => {
  const { file, pulse, records } = await prepare(t)
  const flights = await file('flights.csv', 'Flight Date;Who\n2020-01-02;a\n2020-01-03;b\n')
  const mapped = ['--map', 'timestamp=Flight Date', '--map', 'name=Who', '--set', 'n=7', '--delimiter', ';']
  const done = await pulse('import', flights, '--dataset', 'events', ...mapped, '--json')
  assert.deepEqual([done.code, done.json().accepted], [0, 2], done.err)
  const [first] = records().map(({ value }) => (JSON.parse(value.toString()) as Sent).data)
  assert.deepEqual(first, { timestamp: '2020-01-02T00:00:00Z', name: 'a', n: 7 })
})

test('the same file again is the same events', async (t) => {
  const { file, pulse, ids, names } = await prepare(t)
  const path = await file('again.ndjson', rows(50))
  for (let round = 0; round < 2; round++) assert.equal((await pulse('import', path, '--dataset', 'events')).code, 0)
  assert.deepEqual([names().length, ids().size], [100, 50])
})

interface Harm {
  /** So many uploads are harmed, after so many bytes: their connections are cut, or `isStuck`, and nothing more goes on. */
  readonly cuts: number
  readonly bytes: number
  readonly isStuck?: true
  /** An upload that is cut is answered all the same: as one of a Parquet file whose rows nobody carries on. */
  readonly isAnswered?: true
  /** So many questions after that meet nobody. */
  readonly deaf?: number
}

/** Between command and API: harms the first uploads, and remembers from where each began. */
async function openRelay(owner: Owner, to: string, { cuts, bytes, isStuck, isAnswered, deaf = 0 }: Harm) {
  const offsets: number[] = []
  let unheard = 0
  const relay = createServer((asked, reply) => {
    const { method, url, headers } = asked
    const isUpload = method === 'POST'
    if (isUpload) offsets.push(Number(headers['upload-offset']))
    const isCut = isUpload && offsets.length <= cuts
    if (!isUpload && offsets.length > 0 && unheard < deaf) {
      unheard += 1
      asked.socket.destroy()
      return
    }
    const on = sendOn(`${to}${url}`, { method: method as string, headers }, (answer: IncomingMessage) => {
      reply.writeHead(answer.statusCode as number, answer.headers)
      answer.pipe(reply)
    })
    on.on('error', () => {
      if (isCut && isAnswered === true) reply.writeHead(202, { 'content-type': 'application/json' }).end('{}')
      else asked.socket.destroy()
    })
    let gone = 0
    asked.on('data', (part: Buffer) => {
      gone += part.length
      if (!isCut || gone < bytes) return
      if (isStuck === true) return void asked.unpipe(on)
      if (isAnswered === true) {
        asked.unpipe(on)
        asked.resume()
        return void on.destroy(new Error('cut'))
      }
      asked.socket.destroy()
      on.destroy()
    })
    reply.once('close', () => on.destroy())
    asked.pipe(on)
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  owner.after(() => {
    relay.closeAllConnections()
    relay.close()
  })
  return { url: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`, offsets }
}

test('an upload that is cut twice goes on by itself, and each row is there under one id', async (t) => {
  const { api, env, file, ids } = await prepare(t)
  const relay = await openRelay(t, api.url, { cuts: 2, bytes: 200_000 })
  const path = await file('long.ndjson', rows(6_000))
  const done = await typed({ ...env, PULSE_URL: relay.url }, 'import', path, '--dataset', 'events', '--json')
  assert.equal(done.code, 0, done.err)
  assert.deepEqual([done.json().status, done.json().accepted], ['done', 6_000])
  assert.deepEqual([ids().size, relay.offsets.length], [6_000, 3])
})

test('an upload that ended early goes on from the byte where the API says that it stands', async (t) => {
  const { api, env, file, pulse, ids } = await prepare(t)
  const relay = await openRelay(t, api.url, { cuts: 1, bytes: 300_000 })
  const through = { ...env, PULSE_URL: relay.url }
  const path = await file('long.ndjson', rows(6_000))
  const cut = await typed(through, 'import', path, '--dataset', 'events', '--patience', '0')
  assert.equal(cut.code, 3)
  const id = /^The same command with --upload-id (\S+) goes on where it stands\.\n/.exec(cut.err)?.[1] ?? ''
  const standing = await until('the standing of what was cut', async () => {
    const shown = await pulse('batch', 'show', id, '--json')
    return shown.code === 0 && shown.json().upload_offset > 0 && shown.json().status !== 'running' && shown.json()
  })
  const done = await typed(through, 'import', path, '--dataset', 'events', '--upload-id', id)
  assert.match(done.out, /^6,000 accepted, 0 rejected /, done.err)
  assert.deepEqual([ids().size, relay.offsets], [6_000, [0, standing.upload_offset]])
})

test('rows that go on after the answer and that nobody carries on any more are sent again, though the API is away meanwhile', async (t) => {
  const { api, env, file, ids } = await prepare(t)
  const relay = await openRelay(t, api.url, { cuts: 1, bytes: 200_000, isAnswered: true, deaf: 3 })
  const path = await file('long.ndjson', rows(6_000))
  const done = await typed({ ...env, PULSE_URL: relay.url }, 'import', path, '--dataset', 'events')
  assert.match(done.out, /^6,000 accepted, 0 rejected /, done.err)
  assert.deepEqual([done.code, ids().size, relay.offsets.length], [0, 6_000, 2])
})

test('when patience is over it says how to go on, and that goes on', async (t) => {
  const { env, file, pulse, names } = await prepare(t)
  const path = await file('rows.ndjson', rows(3))
  const nobody = {
    ...env,
    PULSE_TENANT: '0193d5a8-7c00-7000-8000-000000000000',
    PULSE_URL: `http://127.0.0.1:${await freePort()}`,
  }
  const gone = await typed(nobody, 'import', path, '--dataset', 'events', '--patience', '0')
  assert.equal(gone.code, 3)
  const id = /^The same command with --upload-id (\S+) goes on where it stands\.\n/.exec(gone.err)?.[1] ?? ''
  const done = await pulse('import', path, '--dataset', 'events', '--upload-id', id)
  assert.equal(done.out, `3 accepted, 0 rejected (batch ${id})\n`)
  const again = await pulse('import', path, '--dataset', 'events', '--upload-id', id)
  assert.equal(again.out, `3 accepted, 0 rejected (batch ${id})\n`)
  assert.deepEqual(names(), ['r0', 'r1', 'r2'])
})

test('Ctrl-C leaves behind how to go on, and that goes on', async (t) => {
  const { api, env, file, pulse, ids } = await prepare(t)
  const relay = await openRelay(t, api.url, { cuts: 1, bytes: 300_000, isStuck: true })
  const words = ['import', await file('long.ndjson', rows(6_000)), '--dataset', 'events']
  const upload = begun({ ...env, PULSE_URL: relay.url }, words)
  await until('the upload', async () => (await standing(pulse))?.['status'] === 'running')
  upload.stop('SIGINT')
  const { code, err } = await upload.ended
  assert.equal(code, 130)
  const [, id = ''] = /^The same command with --upload-id (\S+) goes on where it stands\.\n$/.exec(err) ?? []
  assert.equal((await standing(pulse))?.['batch_id'], id)
  await until('the upload to be over', async () => (await standing(pulse))?.['status'] === 'interrupted')
  const done = await pulse(...words, '--upload-id', id)
  assert.match(done.out, /^6,000 accepted, 0 rejected /, done.err)
  assert.equal(ids().size, 6_000)
})

/** The newest upload. */
const standing = async (pulse: (...words: string[]) => ReturnType<typeof typed>) =>
  (await pulse('batch', 'list', '--json')).json().items[0] as Readonly<Record<string, unknown>> | undefined

test('standard input, and what is typed wrongly', async (t) => {
  const { env, file, pulse, names } = await prepare(t)
  const piped = await spawned(env, ['import', '-', '--format', 'ndjson', '--dataset', 'events'], rows(2))
  assert.match(piped.out, /^2 accepted, 0 rejected /, piped.err)
  assert.deepEqual(names(), ['r0', 'r1'])
  for (const [words, code, says] of [
    [[await file('rows.ndjson', rows(1))], 2, /Name the dataset/],
    [['nothing.csv', '--dataset', 'events'], 2, /There is no file nothing\.csv/],
    [[await file('rows.txt', 'x'), '--dataset', 'events'], 2, /--format ndjson, json, csv, parquet/],
    [[await file('rows.csv', 'x'), '--dataset', 'none'], 1, /code unknown_dataset \(404\)/],
    [
      [await file('bad.csv', 'a\n1\n'), '--dataset', 'events', '--map', 'nonsense'],
      1,
      /code invalid_parameter \(400\)/,
    ],
    [[await file('bad.ndjson.gz', 'no gzip'), '--dataset', 'events'], 1, /code malformed \(400\)/],
  ] as const) {
    const ran = await pulse('import', ...words)
    assert.equal(ran.code, code, `${words.join(' ')}: ${ran.out}${ran.err}`)
    assert.match(ran.err, says)
    assert.doesNotMatch(ran.err, /--upload-id/, 'the same again would be refused again')
  }
})
