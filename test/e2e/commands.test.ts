import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { spawned } from '../kit/commands.ts'
import { ownFolder } from '../kit/folder.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'

const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
const URI = 'https://example.com/schemas/page-view'
const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, page: { type: 'string' } },
  required: ['timestamp', 'page'],
}

describe('a person at a terminal, beside a Pulse that asks for keys', () => {
  const ends: (() => Promise<void> | void)[] = []
  const owner = { after: (end: () => Promise<void> | void) => void ends.unshift(end) }
  let system: System
  let folder: string
  let env: Record<string, string>
  const pulse = (words: readonly string[], input?: string) => spawned(env, words, input)

  before(async () => {
    folder = await ownFolder(owner)
    system = await bootPulse({ PULSE_AUTH: 'keys', PULSE_FLUSH_SECONDS: '0.2' })
    ends.unshift(async () => system[Symbol.asyncDispose]())
    // Of a whole installation no more is known here than where its data is.
    env = { PULSE_DATA_DIR: system.dataDir, PULSE_LOG_LEVEL: 'info' }
  })
  after(async () => {
    for (const end of ends) await end()
  })

  test('the operator makes a tenant and its key, and is told that he cannot look into it', async () => {
    const made = await pulse(['tenant', 'create', 'acme', '--name', 'Acme Ltd', '--json'])
    assert.deepEqual([made.code, made.err], [0, ''])
    const refused = await pulse(['dataset', 'list', '--tenant', 'acme'])
    assert.equal(refused.code, 1)
    assert.match(
      refused.err,
      /use a key of the tenant here\.\npulse key create makes a key .*\ncode scope_missing \(403\), trace [0-9a-f]{32}\n$/,
    )
    const scopes = ['collect', 'read', 'pii', 'manage'].flatMap((scope) => ['--scope', scope])
    const key = await pulse(['key', 'create', 'me', ...scopes, '--tenant', 'acme', '--json'])
    assert.equal(key.code, 0, key.err)
    const file = join(folder, 'key')
    await writeFile(file, key.json().key as string, { mode: 0o600 })
    env = { ...env, PULSE_API_KEY_FILE: file }
  })

  test('a schema, a dataset, events from standard input, and their rows', async () => {
    const definition = join(folder, 'page-view.json')
    await writeFile(definition, JSON.stringify(DEFINITION))
    const schema = await pulse(['schema', 'create', definition, '--uri', URI, '--class', CLASS, '--publish'])
    assert.match(schema.out, /^status +published$/m, schema.err)
    assert.equal((await pulse(['dataset', 'create', 'page-views', '--schema', URI])).code, 0)
    const events = Array.from(
      { length: 1_500 },
      (_, at) => `{"timestamp":"2026-11-25T08:${String(at % 60).padStart(2, '0')}:00Z","page":"/${at}"}`,
    )
    const sent = await pulse(['events', 'send', '-', '--dataset', 'page-views'], events.join('\n'))
    assert.deepEqual([sent.code, sent.out, sent.err], [0, '1,500 accepted, 0 rejected\n', ''])
    const rows = await until('the rows', async () => {
      const shown = await pulse(['preview', 'page-views', '--limit', '3', '--columns', 'timestamp,page'])
      return / of 1500 rows,/.test(shown.out) && shown.out
    })
    assert.match(
      String(rows),
      /^timestamp +page\n(2026-11-25T08:59:00(\.0+)?Z +\/\d+\n){3}\n3 of 1500 rows, snapshot \d+ of 2\S+Z\n$/,
    )
    assert.match((await pulse(['dataset', 'list'])).out, /^page-views +page-views +1500 +\d/m)
  })

  test('an event is followed by its id until it is a row', async () => {
    const id = '0193d5a8-7c00-7000-8000-000000000001'
    const line = `{"dataset":"page-views","event_id":"${id}","data":{"timestamp":"2026-11-25T09:00:00Z","page":"/"}}\n`
    assert.equal((await pulse(['events', 'send', '-'], line)).code, 0)
    const receipt = await until('the receipt', async () => {
      const said = await pulse(['event', id, '--dataset', 'page-views'])
      return said.out.startsWith('It is a row since ') && said.out
    })
    assert.match(receipt, /^It is a row since 2\S+Z, snapshot \d+\.\n\nevent_id +0193d5a8/)
  })

  test('a key is in nothing that is printed but in the answer that made it', async () => {
    const list = await pulse(['key', 'list', '--json'])
    assert.ok(!/pulse_[0-9a-f]/.test(list.out + list.err))
    const wrong = await spawned({ ...env, PULSE_API_KEY_FILE: '', PULSE_API_KEY: 'pulse_not_a_key' }, ['key', 'list'])
    assert.equal(wrong.code, 1)
    assert.ok(!wrong.err.includes('pulse_not_a_key'), wrong.err)
    assert.match(wrong.err, /code key_invalid \(401\)/)
  })

  test('when the API is gone the command says so within its patience, and ends with 3', async () => {
    await system.stop()
    const gone = await pulse(['tenant', 'list'])
    assert.deepEqual([gone.code, gone.out], [3, ''])
    assert.match(gone.err, /cannot be reached .*Is Pulse running\? --url or PULSE_URL names another\.\n$/)
  })
})
