import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { placeOf } from '../../src/commands/place.ts'
import { loadSettings } from '../../src/config/index.ts'
import { spawned, typed } from '../kit/commands.ts'
import { ownFolder } from '../kit/folder.ts'

test("the address that is typed wins, then PULSE_URL, then this machine's port", async (t) => {
  const settings = { PULSE_DATA_DIR: await ownFolder(t), PULSE_API_PORT: '8123', PULSE_HOST: '0.0.0.0' }
  const urlOf = async (env: Record<string, string>, named?: string): Promise<string> =>
    (await placeOf(loadSettings({ ...settings, ...env }), named)).url
  assert.equal(await urlOf({}), 'http://127.0.0.1:8123')
  assert.equal(await urlOf({ PULSE_CANARY_API_URL: 'http://api:8000' }), 'http://api:8000', "the installation's own")
  assert.equal(await urlOf({ PULSE_URL: 'https://pulse.example' }), 'https://pulse.example')
  assert.equal(await urlOf({ PULSE_URL: 'https://pulse.example' }, 'http://10.0.0.1:1'), 'http://10.0.0.1:1')
})

test("the operator's key of the data folder is shown to the installation's own API and to this machine, and to nobody else", async (t) => {
  const folder = await ownFolder(t)
  await mkdir(join(folder, 'keys'))
  await writeFile(join(folder, 'keys', 'operator'), 'pulse_operator_secret\n')
  const keyAt = async (url: string | undefined, env: Record<string, string> = {}): Promise<string | undefined> =>
    (await placeOf(loadSettings({ PULSE_DATA_DIR: folder, ...env }), url)).key()
  for (const here of ['http://127.0.0.1:8000', 'http://localhost:1', 'http://[::1]:8000'])
    assert.equal(await keyAt(here), 'pulse_operator_secret', here)
  for (const there of [
    'https://pulse.example',
    'http://10.0.0.1:8000',
    'http://localhost.example:8000',
    'http://127.0.0.1.example',
  ])
    assert.equal(await keyAt(there), undefined, there)
  assert.equal(await keyAt(undefined, { PULSE_CANARY_API_URL: 'http://api:8000' }), 'pulse_operator_secret')
  assert.equal(await keyAt(undefined, { PULSE_URL: 'http://api:8000' }), undefined)
  assert.equal(await keyAt('https://pulse.example', { PULSE_API_KEY: 'pulse_mine' }), 'pulse_mine')
  assert.equal(await keyAt('http://127.0.0.1:8000', { PULSE_API_KEY: 'pulse_mine' }), 'pulse_mine')
})

test('tenant and key go with every question; a slug is looked up once; a setting that cannot be is told', async (t) => {
  const asked: string[] = []
  const id = '0193d5a8-7c00-7000-8000-000000000000'
  const server = createServer((request, response) => {
    const { authorization, 'x-tenant-id': tenant } = request.headers
    asked.push(`${request.method} ${request.url} ${tenant ?? '-'} ${authorization ?? '-'}`)
    response.end(JSON.stringify({ items: [{ id, uri: 'urn:x' }], next_cursor: null }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const env = { PULSE_DATA_DIR: await ownFolder(t), PULSE_API_KEY: 'pulse_a_b' }
  await typed(env, 'schema', 'show', 'urn:x', '--tenant', 'acme', '--url', url)
  assert.deepEqual(asked.splice(0), [
    'GET /v1/tenants?slug=acme - Bearer pulse_a_b',
    `GET /v1/schemas?uri=urn%3Ax ${id} Bearer pulse_a_b`,
    `GET /v1/schemas/${id} ${id} Bearer pulse_a_b`,
  ])
  await typed(env, 'schema', 'list', '--url', url)
  await typed({ ...env, PULSE_TENANT: id }, 'schema', 'list', '--url', url)
  assert.deepEqual(asked.splice(0), ['GET /v1/schemas - Bearer pulse_a_b', `GET /v1/schemas ${id} Bearer pulse_a_b`])
  for (const [key, words] of [
    ['pulse_a_b\nx', ['schema', 'list']],
    ['pulse_a_b', ['schema', 'publish', id, '--if-match', 'ä\u2028']],
    ['pulse_a_b', ['import', import.meta.filename, '--format', 'csv', '--dataset', 'd', '--upload-id', 'a\nb']],
  ] as const) {
    const unsendable = await typed({ ...env, PULSE_URL: url, PULSE_API_KEY: key }, ...words)
    assert.equal(unsendable.code, 2, words.join(' '))
    assert.match(unsendable.err, /^(The key|What is sent as [a-z-]+) has a line's end or a character/)
  }
  asked.splice(0)
  const odd = await typed({ ...env, PULSE_URL: 'nowhere' }, 'schema', 'list')
  assert.equal(odd.code, 2)
  assert.match(odd.err, /PULSE_URL/)
  const misspelt = await spawned({ ...env, PULSE_TENNANT: 'acme' }, ['schema', 'list', '--url', url])
  assert.match(misspelt.err, /PULSE_TENNANT is not a setting .* did you mean PULSE_TENANT\?/)
})
