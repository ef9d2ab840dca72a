import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { PROBLEMS } from '../../src/problems/index.ts'
import { makeJourney, withApi, type Answer, type AskOptions } from '../kit/api-server.ts'

const api = await withApi({ after }, { settings: { collectBodyTimeoutMs: 700 } })
const { tenant, schema, dataset } = await makeJourney(api)
const other = await makeJourney(api)

/** Asks, and holds the answer to what every answer promises. */
async function ask(method: string, path: string, options: AskOptions = {}): Promise<Answer> {
  const answer = await api.ask(method, path, options)
  assert.match(answer.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/, `${method} ${path}`)
  assert.match(answer.headers.get('traceparent') ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/, `${method} ${path}`)
  assert.ok(answer.status !== 500, `${method} ${path}: ${answer.text}`)
  if (answer.status >= 400) assertProblem(answer, path)
  return answer
}
function assertProblem({ body, headers, status, text }: Answer, path: string): void {
  assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/, text)
  assert.ok(Object.hasOwn(PROBLEMS, body['code']), `unknown code in ${text}`)
  const entry = PROBLEMS[body['code'] as keyof typeof PROBLEMS]
  assert.deepEqual(
    [body['status'], body['title'], body['type']],
    [status, entry.title, `urn:pulse:problem:${body['code']}`],
  )
  assert.equal(entry.status, status)
  assert.equal(body['instance'], path.split('?')[0])
  assert.ok(typeof body['detail'] === 'string' && body['detail'].length > 10)
  assert.ok(body['trace_id'] === headers.get('traceparent')?.split('-')[1])
  for (const fault of body['errors'] ?? []) {
    assert.deepEqual(Object.keys(fault).sort(), ['keyword', 'message', 'pointer'])
    assert.ok(fault.pointer === '' || fault.pointer.startsWith('/'), fault.pointer)
  }
  if (status === 503 || status === 429) assert.ok(Number(headers.get('retry-after')) >= 1, text)
}
async function refused(
  code: keyof typeof PROBLEMS,
  method: string,
  path: string,
  options: AskOptions = {},
): Promise<Answer> {
  const answer = await ask(method, path, options)
  assert.deepEqual(
    [answer.status, answer.body['code']],
    [PROBLEMS[code].status, code],
    `${method} ${path} ${JSON.stringify(options).slice(0, 200)}: ${answer.text}`,
  )
  return answer
}

test('the tenant: missing, malformed, unknown', async () => {
  const paths = [
    ['GET', '/v1/datasets'],
    ['GET', '/v1/schemas'],
    ['POST', '/v1/collect'],
    ['POST', '/v1/datasets'],
    ['DELETE', '/v1/classes/x'],
    ['GET', '/v1/datasets/x/preview'],
  ] as const
  for (const [method, path] of paths) {
    const body = method === 'POST' ? { body: {} } : {}
    await refused('tenant_required', method, path, body)
    for (const bad of ['x', '{}', `${tenant}x`, `${tenant},${tenant}`, tenant.replaceAll('-', ''), '0'.repeat(5000)])
      await refused('tenant_malformed', method, path, { ...body, tenant: bad })
    await refused('tenant_unknown', method, path, { ...body, tenant: '01900000-0000-7000-8000-00000000ffff' })
  }
  assert.equal((await ask('GET', '/v1/datasets', { tenant: tenant.toUpperCase() })).status, 200)
})

test('paths and methods that do not exist', async () => {
  for (const path of [
    '/',
    '/v1',
    '/v2/tenants',
    '/v1/collect/',
    '/v1/tenants/',
    '/v1/tenants/a/b',
    '/health/x',
    '/metrics/x',
    '/v1/%00',
    `/${'x'.repeat(8000)}`,
  ]) {
    await refused('not_found', 'GET', path, { tenant })
  }
  await refused('malformed', 'GET', '/v1/tenants/%zz')
  for (const [method, path, allow] of [
    ['DELETE', '/v1/tenants', 'GET, HEAD, POST'],
    ['GET', '/v1/collect', 'POST'],
    ['PUT', '/v1/collect', 'POST'],
    ['DELETE', '/v1/datasets/events', 'GET, HEAD, PATCH'],
    ['POST', '/v1/schemas/x', 'DELETE, GET, HEAD, PATCH'],
    ['POST', '/health', 'GET, HEAD'],
    ['OPTIONS', '/v1/collect', 'POST'],
    ['PATCH', '/metrics/', 'GET, HEAD'],
    ['QUERY', '/v1/datasets', 'GET, HEAD, POST'],
  ] as const) {
    const answer = await refused('method_not_allowed', method, path, { tenant })
    assert.equal(answer.headers.get('allow'), allow, path)
  }
  // What is wrong with a body that nobody takes is not what is wrong with the request.
  for (const body of ['{', 'x'.repeat(2_000_000)])
    for (const type of ['text/plain', 'application/json', ';;'])
      for (const [code, path] of [
        ['method_not_allowed', '/v1/collect'],
        ['not_found', '/v1/nothing'],
      ] as const)
        await refused(code, 'PUT', path, { tenant, body, headers: { 'content-type': type } })
})

test('ids and slugs that cannot be, and those of other tenants, are not found', async () => {
  const ids = [
    'x',
    '1',
    'null',
    '%00',
    "'; DROP TABLE tenants; --",
    '%F0%9F%92%A9',
    String(other.schema['id']),
    '01900000-0000-7000-8000-00000000ffff',
    'x'.repeat(900),
  ]
  for (const id of ids) {
    const at = id.includes('%') ? id : encodeURIComponent(id)
    for (const collection of ['classes', 'field-groups', 'datatypes', 'schemas', 'descriptors']) {
      await refused('not_found', 'GET', `/v1/${collection}/${at}`, { tenant })
      await refused('not_found', 'PATCH', `/v1/${collection}/${at}`, { tenant, body: { title: 'x' } })
      await refused('not_found', 'DELETE', `/v1/${collection}/${at}`, { tenant })
    }
    await refused('not_found', 'GET', `/v1/tenants/${at}`)
    await refused('not_found', 'PATCH', `/v1/tenants/${at}`, { body: { name: 'x' } })
    await refused('not_found', 'GET', `/v1/datasets/${at}`, { tenant })
    await refused('not_found', 'PATCH', `/v1/datasets/${at}`, { tenant, body: { name: 'x' } })
    await refused('unknown_dataset', 'GET', `/v1/datasets/${at}/preview`, { tenant })
  }
  await refused('not_found', 'GET', `/v1/datasets/${String(other.dataset['id'])}`, { tenant })
})

test('queries: limits, cursors and filters that cannot be used', async () => {
  const lists = [
    '/v1/tenants',
    '/v1/datasets',
    '/v1/schemas',
    '/v1/classes',
    '/v1/field-groups',
    '/v1/datatypes',
    '/v1/descriptors',
  ]
  for (const list of lists) {
    for (const query of [
      'limit=0',
      'limit=201',
      'limit=-1',
      'limit=abc',
      'limit=1.5',
      'limit=',
      'limit=1&limit=2',
      'limit=1e99',
      'limit=NaN',
      'cursor=',
      'cursor=x',
      'cursor=%00',
      'cursor=AAAA',
      `cursor=${'x'.repeat(300)}`,
      'unknown=1',
      '__proto__=1',
    ]) {
      await refused('invalid_parameter', 'GET', `${list}?${query}`, { tenant })
    }
    for (const query of ['limit=1', 'limit=200'])
      assert.equal((await ask('GET', `${list}?${query}`, { tenant })).status, 200)
  }
  for (const query of ['status=gone', 'status=', 'uri=%00', `uri=${'x'.repeat(600)}`])
    await refused('invalid_parameter', 'GET', `/v1/schemas?${query}`, { tenant })
  assert.deepEqual((await ask('GET', '/v1/tenants?slug=%00')).body['items'], [])
  assert.deepEqual((await ask('GET', "/v1/schemas?uri=';--", { tenant })).body['items'], [])
  for (const query of [
    'limit=0',
    'limit=1001',
    'columns=',
    'columns=nothing',
    'columns=user,,n',
    'snapshot_id=x',
    'snapshot_id=-1',
    'int64=number',
  ]) {
    await refused('invalid_parameter', 'GET', `/v1/datasets/events/preview?${query}`, { tenant })
  }
  await refused('unknown_snapshot', 'GET', '/v1/datasets/events/preview?snapshot_id=1', { tenant })
})

const GOOD = {
  '/v1/tenants': { slug: 'good', name: 'Good' },
  '/v1/classes': { uri: 'https://test.example/p/class', title: 'T', definition: {} },
  '/v1/field-groups': {
    uri: 'https://test.example/p/group',
    title: 'T',
    class_uri: 'https://ns.azothedge.com/pdm/class/interaction-event',
    definition: {},
  },
  '/v1/datatypes': { uri: 'https://test.example/p/type', title: 'T', definition: {} },
  '/v1/schemas': {
    uri: 'https://test.example/p/schema',
    title: 'T',
    class_uri: 'https://ns.azothedge.com/pdm/class/interaction-event',
    definition: {},
  },
  '/v1/descriptors': {
    uri: 'https://test.example/p/descriptor',
    title: 'T',
    schema_uri: String(schema['uri']),
    kind: 'identity',
  },
  '/v1/datasets': { slug: 'good', name: 'Good', schema_uri: String(schema['uri']) },
} as const

test('bodies that cannot be read: 400 with the reason', async () => {
  for (const path of Object.keys(GOOD)) {
    for (const body of [
      '',
      '{',
      'x',
      '{"a":1,}',
      '{"a":NaN}',
      '[1',
      '\u{feff}{}',
      '{"slug":"a","slug":"b"}',
      '{"title":{"x":1,"x":2}}',
      '{"name":"\\ud800"}',
      '"\\udc00"',
      '['.repeat(10_000),
      `${'{"a":'.repeat(300)}1${'}'.repeat(300)}`,
    ]) {
      await refused('malformed', 'POST', path, { tenant, body })
    }
    await refused('malformed', 'POST', path, {
      tenant,
      body: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    })
    await refused('malformed', 'POST', path, { tenant })
    for (const type of [
      'text/plain',
      'application/xml',
      'application/x-ndjson',
      'x',
      'application/json/x',
      'multipart/form-data; boundary=x',
    ]) {
      await refused('unsupported_media_type', 'POST', path, { tenant, body: '{}', headers: { 'content-type': type } })
    }
    await refused('too_large', 'POST', path, { tenant, body: `"${'x'.repeat(1_200_000)}"` })
  }
})

test('bodies that can be read but not taken: 422 with every fault named', async () => {
  for (const [path, good] of Object.entries(GOOD)) {
    for (const body of ['null', '1', '"x"', '[]', 'true', '{}'])
      await refused('invalid', 'POST', path, { tenant, body })
    const extra = await refused('invalid', 'POST', path, { tenant, body: { ...good, surprise: 1 } })
    assert.deepEqual(extra.body['errors'], [
      { pointer: '/surprise', keyword: 'additionalProperties', message: 'is not known here' },
    ])
    await refused('invalid', 'POST', path, {
      tenant,
      body: `{"__proto__":{"admin":true},${JSON.stringify(good).slice(1)}`,
    })
    await refused('invalid', 'POST', path, { tenant, body: `{"constructor":1,${JSON.stringify(good).slice(1)}` })
    for (const member of Object.keys(good)) {
      for (const value of [null, 1, true, [], [[]], 'x'.repeat(3_000), { a: 1, length: 5 }, '\0', '']) {
        if (member === 'definition' && typeof value === 'object' && value !== null && !Array.isArray(value)) continue
        const answer = await ask('POST', path, { tenant, body: { ...good, [member]: value } })
        assert.equal(answer.status, 422, `${path} ${member}=${JSON.stringify(value).slice(0, 40)}: ${answer.text}`)
      }
      const without: Record<string, unknown> = { ...good }
      delete without[member]
      const answer = await ask('POST', path, { tenant, body: without })
      assert.equal(answer.status, 422, `${path} without ${member}: ${answer.text}`)
    }
  }
  for (const slug of ['A', '1a', 'a b', '-a', 'a/b', 'ä', 'a'.repeat(64), 'a\n', '_a', 'pulse-x'])
    await refused('invalid', 'POST', '/v1/tenants', { body: { slug, name: 'x' } })
  for (const uri of ['x', '/relative', 'https://with space', 'https://', 'ht!tp://x', '<x>:y', 'x:"y"']) {
    const answer = await ask('POST', '/v1/classes', { tenant, body: { ...GOOD['/v1/classes'], uri } })
    assert.ok(answer.status === 422 || uri === 'https://', `${uri}: ${answer.text}`)
  }
})

test('what is wrong in a body is said as people say it', async () => {
  const good = GOOD['/v1/classes'] as Record<string, unknown>
  const said: readonly (readonly [method: string, path: string, body: object | undefined, message: string])[] = [
    ['POST', '/v1/classes', { ...good, uri: 'no uri' }, 'must be an absolute URI, without spaces'],
    ['POST', '/v1/classes', { ...good, title: '' }, 'must not be empty'],
    ['POST', '/v1/classes', { ...good, title: 'x'.repeat(201) }, 'must have at most 200 characters'],
    ['POST', '/v1/classes', { ...good, title: 'a\0b' }, 'must not hold the character U+0000'],
    [
      'POST',
      '/v1/classes',
      { ...good, definition: { type: 'strng' } },
      'must be one of "array", "boolean", "integer", ',
    ],
    ['POST', '/v1/keys', { name: 'x', scopes: ['read', 'read'] }, 'must not hold the same item twice'],
    ['POST', '/v1/keys', { name: 'x', scopes: ['rule'] }, 'must be one of "collect", "read", '],
    ['PATCH', '/v1/datasets/events', {}, 'must have at least one member'],
    ['GET', '/v1/classes?status=done', undefined, 'must be one of "draft", "published", "archived"'],
  ]
  for (const [method, path, body, message] of said) {
    const { body: problem, text } = await ask(method, path, { tenant, ...(body === undefined ? {} : { body }) })
    assert.equal(problem['errors']?.length, 1, text)
    assert.ok(String(problem['errors'][0].message).startsWith(message), text)
    assert.ok(String(problem['detail']).includes(message), text)
  }
})

test('a list of sixty thousand scopes is refused in a moment', async () => {
  const from = process.cpuUsage()
  await refused('invalid', 'POST', '/v1/keys', {
    tenant,
    body: { name: 'x', scopes: Array.from({ length: 60_000 }, (_, at) => at) },
  })
  const { user, system } = process.cpuUsage(from)
  assert.ok((user + system) / 1000 < 2_500, `${user + system} us of CPU; comparing each with each took 5 s`)
})

test('changes that cannot be made', async () => {
  for (const path of [`/v1/tenants/${tenant}`, `/v1/schemas/${String(schema['id'])}`, '/v1/datasets/events']) {
    for (const body of ['{}', '{"slug":"other"}', '{"id":"x"}', '{"status":"creating"}', '{"name":null}', '[]'])
      await refused('invalid', 'PATCH', path, { tenant, body })
    await refused('malformed', 'PATCH', path, { tenant, body: '{' })
    await refused('malformed', 'PATCH', path, { tenant })
  }
  const rebinding = await refused('reference_not_found', 'PATCH', '/v1/datasets/events', {
    tenant,
    body: { schema_uri: 'https://test.example/other' },
  })
  assert.equal(rebinding.body['errors'][0].pointer, '/schema_uri')
  assert.equal(
    (await ask('PATCH', '/v1/datasets/events', { tenant, body: { schema_uri: dataset['schema_uri'] } })).status,
    200,
  )
  await refused('lifecycle_forward_only', 'PATCH', `/v1/schemas/${String(schema['id'])}`, {
    tenant,
    body: { status: 'draft' },
  })
  await refused('lifecycle_forward_only', 'PATCH', `/v1/schemas/${String(schema['id'])}`, {
    tenant,
    body: { status: 'published' },
  })
  await refused('definition_frozen', 'PATCH', `/v1/schemas/${String(schema['id'])}`, {
    tenant,
    body: { definition: {} },
  })
  const classes = await ask('GET', '/v1/classes?uri=https://ns.azothedge.com/pdm/class/person-profile', { tenant })
  await refused('read_only', 'PATCH', `/v1/classes/${classes.body['items'][0].id}`, { tenant, body: { title: 'x' } })
  await refused('read_only', 'DELETE', `/v1/classes/${classes.body['items'][0].id}`, { tenant })
})

test('what is taken', async () => {
  await refused('tenant_slug_taken', 'POST', '/v1/tenants', { body: { slug: other.slug, name: 'x' } })
  await refused('dataset_slug_taken', 'POST', '/v1/datasets', {
    tenant,
    body: { ...GOOD['/v1/datasets'], slug: 'events' },
  })
  await refused('uri_taken', 'POST', '/v1/schemas', { tenant, body: { ...GOOD['/v1/schemas'], uri: schema['uri'] } })
  await refused('uri_taken', 'POST', '/v1/datatypes', {
    tenant,
    body: { ...GOOD['/v1/datatypes'], uri: other.schema['uri'] },
  })
})

test('metadata keeps its bounds: size, NUL, depth', async () => {
  const make = (metadata: string) =>
    ask('POST', '/v1/tenants', { body: `{"slug":"meta","name":"x","metadata":${metadata}}` })
  for (const metadata of [
    '{"a":"\\u0000"}',
    `{"a":"${'x'.repeat(17_000)}"}`,
    '{"a":1e999999999}',
    '{"a":[{"b":-1e131000}]}',
    '[]',
    'null',
    '1',
  ]) {
    const answer = await make(metadata)
    assert.equal(answer.status, 422, `${metadata.slice(0, 50)}: ${answer.text}`)
  }
  const kept = await make('{"n":1.50,"big":12345678901234567890,"__proto__":{"a":1}}')
  assert.equal(kept.status, 201, kept.text)
  assert.match(kept.text, /12345678901234567890/)
  assert.match(kept.text, /"__proto__"/)
})

test('collect: media types, encodings and bodies that cannot be read', async () => {
  const event = JSON.stringify({ dataset: 'events', data: { timestamp: '2026-11-25T08:00:00Z' } })
  await refused('unsupported_media_type', 'POST', '/v1/collect', {
    tenant,
    body: event,
    headers: { 'content-type': 'text/csv' },
  })
  await refused('unsupported_media_type', 'POST', '/v1/collect', {
    tenant,
    body: event,
    headers: { 'content-encoding': 'br' },
  })
  await refused('malformed', 'POST', '/v1/collect', { tenant, body: event, headers: { 'content-encoding': 'gzip' } })
  for (const body of ['', '{', 'x', '[]', '1', '{"a":1,"a":2}']) {
    const answer = await ask('POST', '/v1/collect', { tenant, body })
    assert.ok(answer.status === 400 || answer.status === 422, `${body}: ${answer.status} ${answer.text}`)
  }
  await refused('too_large', 'POST', '/v1/collect', { tenant, body: Buffer.alloc(17 * 1024 * 1024, 0x20) })
})

/** Raw bytes on a connection; answers all that comes back until the server closes it, or a bound passes. */
function raw(bytes: string, { hold = false } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(api.port, '127.0.0.1', () => (hold ? socket.write(bytes) : socket.end(bytes)))
    let answer = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk))
    socket.on('close', () => resolve(answer)).on('error', () => resolve(answer))
    socket.setTimeout(15_000, () => reject(new Error(`no end of it after 15 s: ${answer}`)))
  })
}

test('what is no HTTP is answered as a problem and the connection closed', async () => {
  for (const bytes of [
    'GARBAGE\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'GET /health HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n',
    `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    'POST /v1/collect HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n',
  ]) {
    const answer = await raw(bytes, { hold: true })
    assert.match(answer, /^HTTP\/1\.1 400 /, bytes.slice(0, 40))
    assert.match(answer, /x-request-id: [0-9a-f-]{36}/)
    assert.match(answer, /traceparent: 00-/)
    assert.match(answer, /application\/problem\+json/)
    assert.match(answer, /"code":"malformed"/)
  }
})

test('a body that stops half-way is answered within its bound, by a request timeout', async () => {
  const head = `POST /v1/collect HTTP/1.1\r\nhost: x\r\nx-tenant-id: ${tenant}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n`
  const started = Date.now()
  const answer = await raw(`${head}{"dataset":`, { hold: true })
  assert.match(answer, /^HTTP\/1\.1 408 /)
  assert.match(answer, /"code":"request_timeout"/)
  assert.ok(Date.now() - started < 10_000)
})

test('a client that goes away in the middle harms nobody', async () => {
  for (let at = 0; at < 20; at++) {
    const socket = connect(api.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(`POST /v1/collect HTTP/1.1\r\nhost: x\r\nx-tenant-id: ${tenant}\r\ncontent-length: 1000\r\n\r\n{"da`)
    await new Promise((resolve) => setImmediate(resolve))
    socket.destroy()
  }
  assert.equal((await ask('GET', '/health')).status, 200)
})
