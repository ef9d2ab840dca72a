import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { ownKey } from '../../src/config/index.ts'
import { issueOwnKeys } from '../../src/keys/index.ts'
import { makeJourney, withApi, type Answer, type AskOptions } from '../kit/api-server.ts'
import { ownFolder } from '../kit/folder.ts'
import { putLetters } from '../kit/letters.ts'
import type { Owner } from '../kit/postgres.ts'

/** A tenant with a dataset, `events`, and letters, behind a door that asks for keys. */
async function withKeys(owner: Owner) {
  const api = await withApi(owner, { settings: { auth: 'keys' } })
  const folder = join(await ownFolder(owner), 'keys')
  await issueOwnKeys(api.postgres.adminUrl, folder)
  const operator = ownKey({ apiKey: undefined, keysDir: folder, dataDir: '' }, 'operator') ?? ''
  const as = (key: string, method: string, path: string, more: AskOptions = {}): Promise<Answer> =>
    api.ask(method, path, { ...more, headers: { authorization: `Bearer ${key}` } })
  const keyOf = async (tenant: string, scopes: readonly string[]): Promise<string> =>
    String((await as(operator, 'POST', '/v1/keys', { tenant, body: { name: 'k', scopes } })).body['key'])
  const { tenant } = await makeJourney(
    {
      ask: async (method, path, { tenant: of, ...more } = {}) =>
        as(of === undefined ? operator : await keyOf(of, ['read', 'manage']), method, path, more),
    },
    { type: 'object', properties: { n: { type: 'integer' } } },
  )
  const put = (...letters: Omit<Parameters<typeof putLetters>[1][number], 'tenantId'>[]): Promise<string[]> =>
    putLetters(
      api.postgres.sql('admin'),
      letters.map((letter) => ({ ...letter, tenantId: tenant })),
    )
  return { as, put, key: (...scopes: string[]) => keyOf(tenant, scopes) }
}

test('with keys: read lists and shows, pii shows payloads, manage sends again, and no other scope does', async (t) => {
  const { as, key, put } = await withKeys(t)
  const [collects, reads, sees, manages] = [
    await key('collect'),
    await key('read'),
    await key('read', 'pii'),
    await key('manage'),
  ]
  const value = '{"data":{"name":"Ada"}}'
  const [id = ''] = await put({ value })
  const withheld = await as(reads, 'GET', `/v1/dead-letters/${id}`)
  assert.deepEqual([withheld.body['payload'], withheld.body['payload_withheld']], [null, true])
  assert.ok(!withheld.text.includes('Ada') && !withheld.text.includes(Buffer.from(value).toString('base64')))
  for (const body of [withheld.body, (await as(reads, 'GET', '/v1/dead-letters')).body['items'][0]])
    assert.match(body['error'], /^Not shown/, 'a reader quotes what it could not read')
  assert.equal((await as(sees, 'GET', '/v1/dead-letters')).body['items'][0].error, 'It did not fit.')
  assert.deepEqual((await as(sees, 'GET', `/v1/dead-letters/${id}`)).body['payload'], { data: { name: 'Ada' } })
  for (const [who, method, path, status] of [
    [collects, 'GET', '/v1/dead-letters', 403],
    [manages, 'GET', '/v1/dead-letters', 403],
    [reads, 'POST', '/v1/dead-letters/replay', 403],
    [manages, 'POST', '/v1/dead-letters/replay', 200],
    [reads, 'GET', `/v1/events/${randomUUID()}?dataset=none`, 404],
    [collects, 'GET', `/v1/events/${randomUUID()}?dataset=none`, 404],
    [manages, 'GET', `/v1/events/${randomUUID()}?dataset=none`, 403],
  ] as const) {
    const answer = await as(who, method, path, method === 'POST' ? { body: { dry_run: true } } : {})
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`)
  }
})

test('a key without pii is not told, by listing or by trying a replay, what a sentence quotes of an event', async (t) => {
  const { as, key, put } = await withKeys(t)
  const event = (n: string): string => `{"dataset":"events","data":{"timestamp":"2026-11-25T08:00:00Z","n":${n}}}`
  const [reads, manages, sees] = [await key('read'), await key('manage'), await key('manage', 'pii')]
  const ids = await put(
    { reason: 'malformed', value: 'Ada Lovelace' },
    {
      reason: 'invalid',
      value: event('491701234567890123456789'),
      error: '491701234567890123456789 is beyond 64 bits',
    },
    { reason: 'invalid', value: event('"491701"'), error: 'must be integer' },
  )
  const told = (texts: readonly string[]): boolean => texts.some((text) => /Ada|4917/.test(text))
  const listed = await as(reads, 'GET', '/v1/dead-letters')
  assert.ok(!told([listed.text]), listed.text)
  assert.match(listed.text, /must be integer/)
  const tried = async (who: string): Promise<string[]> => {
    const one = (id: string) => as(who, 'POST', `/v1/dead-letters/${id}/replay`, { body: {} })
    const answers = [
      ...(await Promise.all(ids.map(one))),
      await as(who, 'POST', '/v1/dead-letters/replay', { body: {} }),
    ]
    assert.deepEqual(
      answers.map(({ status }) => status),
      [400, 422, 422, 200],
    )
    assert.deepEqual(
      [answers[1]?.body['errors'][0].pointer, answers[2]?.body['errors'][0].message],
      ['/data/n', 'must be integer'],
    )
    return answers.map(({ text }) => text)
  }
  const withheld = await tried(manages)
  assert.ok(!told(withheld), withheld.join('\n'))
  assert.match(withheld[0] ?? '', /lacks the scope pii/)
  const shown = await tried(sees)
  assert.ok(told([shown[0] ?? '']) && told([shown[1] ?? '']) && told([shown[3] ?? '']), shown.join('\n'))
  const edited = { data: { timestamp: 'no', n: 491_702 } }
  const mine = await as(manages, 'POST', `/v1/dead-letters/${ids[1]}/replay`, { body: edited })
  assert.equal(mine.body['errors'][0].pointer, '/data/timestamp')
})
