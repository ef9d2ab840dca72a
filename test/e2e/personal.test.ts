import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bootPulse } from '../kit/system.ts'
import { until } from '../kit/until.ts'

const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
const MAIL = 'ada@example.com'
const IP = '192.0.2.77'

test('what is labelled pii is masked for a key without that scope, wherever it lies in a row, and for no other', async () => {
  await using system = await bootPulse({ PULSE_AUTH: 'keys', PULSE_FLUSH_SECONDS: '0.3' })
  const operator = readFileSync(join(system.dataDir, 'keys', 'operator'), 'utf8').trim()
  const ask = async (key: string, method: string, path: string, body?: unknown, tenant?: string) => {
    const response = await fetch(`${system.baseUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(tenant === undefined ? {} : { 'x-tenant-id': tenant }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    })
    const text = await response.text()
    return { status: response.status, text, body: JSON.parse(text) as Record<string, unknown> }
  }
  const ok = async (...args: Parameters<typeof ask>): Promise<Record<string, unknown>> => {
    const answer = await ask(...args)
    assert.ok(answer.status < 300, `${args[1]} ${args[2]}: ${answer.text}`)
    return answer.body
  }
  const tenant = String((await ok(operator, 'POST', '/v1/tenants', { slug: 'private', name: 'Private' }))['id'])
  const keyFor = async (...scopes: string[]): Promise<string> =>
    String((await ok(operator, 'POST', '/v1/keys', { name: scopes.join(), scopes }, tenant))['key'])
  const [admin, reader, trusted] = await Promise.all([
    keyFor('manage', 'collect', 'read', 'pii'),
    keyFor('read'),
    keyFor('read', 'pii'),
  ])

  const uri = 'https://personal.example/visit'
  const definition = {
    type: 'object',
    properties: {
      mail: { type: 'string' },
      page: { type: 'string' },
      age: { type: 'integer' },
      seen: {
        type: 'array',
        items: { type: 'object', properties: { ip: { type: 'string' }, at: { type: 'string' } } },
      },
      notes: { type: 'object', additionalProperties: { type: 'string' } },
      free: { type: 'object' },
    },
  }
  const schema = await ok(admin, 'POST', '/v1/schemas', { uri, title: 'Visit', class_uri: CLASS, definition })
  await ok(admin, 'PATCH', `/v1/schemas/${String(schema['id'])}`, { status: 'published' })
  await ok(admin, 'POST', '/v1/datasets', { slug: 'visits', name: 'Visits', schema_uri: uri })
  const data = {
    timestamp: '2026-11-25T08:00:00Z',
    mail: MAIL,
    page: '/pricing',
    age: 36,
    seen: [{ ip: IP, at: 'home' }, { at: 'nowhere' }],
    notes: { a: MAIL, b: 'x' },
    free: { mail: MAIL },
  }
  await ok(admin, 'POST', '/v1/collect', {
    events: [
      { dataset: 'visits', data },
      { dataset: 'visits', data: { timestamp: data.timestamp } },
    ],
  })
  const preview = (key: string, query = '') => ask(key, 'GET', `/v1/datasets/visits/preview${query}`)
  await until('both rows', async () => ((await preview(admin)).body['total_rows'] as number) === 2)
  assert.ok((await preview(reader)).text.includes(MAIL), 'nothing is labelled yet')

  for (const pointer of ['/mail', '/age', '/seen/*/ip', '/notes/*', '/free']) {
    const label = {
      uri: `${uri}/labels${pointer}`.replaceAll('*', 'each'),
      title: pointer,
      schema_uri: uri,
      kind: 'label',
      pointer,
      definition: { labels: ['pii'] },
    }
    const { id } = await ok(admin, 'POST', '/v1/descriptors', label)
    await ok(admin, 'PATCH', `/v1/descriptors/${String(id)}`, { status: 'published' })
  }
  for (const [key, query] of [
    [reader, ''],
    [reader, '?mask=pii'],
    [trusted, '?mask=pii'],
    [admin, '?mask=pii&columns=mail,page,age,seen,notes,free'],
  ] as const) {
    const answer = await preview(key, query)
    assert.equal(answer.status, 200, answer.text)
    for (const secret of [MAIL, IP]) assert.ok(!JSON.stringify(answer.body['rows']).includes(secret), answer.text)
    const rows = answer.body['rows'] as Record<string, unknown>[]
    const row = rows.find(({ mail }) => mail !== null) as Record<string, unknown>
    assert.deepEqual(
      [row['mail'], row['age'], row['page'], row['seen'], row['notes'], row['free']],
      [
        '***',
        '***',
        '/pricing',
        [
          { ip: '***', at: 'home' },
          { ip: null, at: 'nowhere' },
        ],
        { a: '***', b: '***' },
        '***',
      ],
    )
    assert.equal(rows.find(({ mail }) => mail === null)?.['age'], null, 'that there is nothing may be seen')
    const columns = answer.body['columns'] as { name: string; masked?: string[] }[]
    assert.deepEqual(
      Object.fromEntries(columns.flatMap(({ name, masked }) => (masked === undefined ? [] : [[name, masked]]))),
      { mail: ['mail'], age: ['age'], seen: ['seen.element.ip'], notes: ['notes.value'], free: ['free'] },
    )
  }
  for (const [key, query] of [
    [trusted, ''],
    [trusted, '?mask=none'],
    [admin, ''],
  ] as const) {
    const answer = await preview(key, query)
    assert.ok(answer.text.includes(MAIL) && answer.text.includes(IP), answer.text)
    assert.ok(!answer.text.includes('masked'))
  }
  const refused = await preview(reader, '?mask=none')
  assert.deepEqual([refused.status, refused.body['code']], [403, 'scope_missing'])
})
