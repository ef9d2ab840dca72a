import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { readdir, readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ownedTables } from '../kit/isolation.ts'
import { makeJourney, withApi } from '../kit/api-server.ts'
import { openLog, resourceOf } from '../../src/telemetry/index.ts'

/** Words that mean something to somebody else: a database, a log, a terminal, a spreadsheet, a browser, a pattern. */
const api = await withApi({ after })
const { tenant, schema } = await makeJourney(api, {
  type: 'object',
  properties: { user: { type: 'string' }, n: { type: 'integer' } },
  required: ['timestamp'],
})
const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'

const WORDS: readonly string[] = [
  `'; DROP TABLE tenants; --`,
  `' OR '1'='1`,
  `$1; SELECT pg_sleep(10); --`,
  `\\'; COPY tenants TO PROGRAM 'id'; --`,
  `$tag$; DELETE FROM pdm_entities; $tag$`,
  `%' UNION SELECT slug FROM tenants --`,
  `E'\\x27'`,
  `{{7*7}} \${7*7} <%= 7*7 %>`,
  `<script>alert(1)</script>`,
  `=cmd|'/C calc'!A0`,
  `@SUM(1+1)*cmd|'x'!A0`,
  'a\nb\r\nlevel=error msg="planted"',
  '"}\n{"level":"fatal","event":"process.defect","msg":"planted"}',
  '\u001b[2J\u001b]0;planted\u0007',
  'a\u2028b\u2029c\u0085d',
  '\u202eevil\u202c',
  '../../../../etc/passwd',
  '{"$gt":""}',
  'constructor',
  '__proto__',
  'toString',
]

test('words that are code to somebody are text here: stored as they came, found by themselves, and run by nobody', async () => {
  const tables = (await ownedTables(api.postgres.sql('admin'))).length
  for (const [index, word] of WORDS.entries()) {
    const uri = `https://words.example/${index}`
    const made = await api.ask('POST', '/v1/classes', {
      tenant,
      body: { uri, title: word, definition: { description: word, properties: { x: { const: word } } } },
    })
    assert.equal(made.status, 201, made.text)
    const { body } = await api.ask('GET', `/v1/classes/${String(made.body['id'])}`, { tenant })
    assert.equal(body['title'], word)
    assert.equal(body['definition'].description, word)
    assert.equal(body['definition'].properties.x.const, word)
    const named = await api.ask('POST', '/v1/tenants', { body: { slug: `w${index}`, name: word, metadata: { word } } })
    assert.equal(named.status, 201, named.text)
    assert.deepEqual([named.body['name'], named.body['metadata']], [word, { word }])
    // In every place of a request where a text may stand, and in a path.
    const asked = encodeURIComponent(word)
    for (const path of [
      `/v1/classes?uri=${asked}`,
      `/v1/classes?status=${asked}`,
      `/v1/classes?cursor=${asked}`,
      `/v1/classes?limit=${asked}`,
      `/v1/tenants?slug=${asked}`,
      `/v1/datasets/${asked}`,
      `/v1/datasets/${asked}/preview`,
      `/v1/datasets/events/preview?columns=${asked}`,
      `/v1/datasets/events/preview?snapshot_id=${asked}`,
      `/v1/datasets/events/preview?int64=${asked}`,
      `/v1/tenants/${asked}`,
      `/v1/${asked}`,
    ]) {
      const began = performance.now()
      const answer = await api.ask('GET', path, { tenant })
      assert.ok(answer.status < 500, `${path}: ${answer.text}`)
      if (answer.status === 200) assert.deepEqual(answer.body['items'], [], path)
      assert.ok(performance.now() - began < 8_000, `${path} took as long as it says`)
      assert.match(answer.headers.get('content-type') ?? '', /^application\/(problem\+)?json/, path)
    }
  }
  assert.equal((await ownedTables(api.postgres.sql('admin'))).length, tables)
  assert.ok(!('polluted' in {}) && Object.keys({}).length === 0)
})

test('an event on one line stays on one line, whatever its texts hold', async () => {
  const topic = `pulse.${tenant}.events.raw`
  const before = api.bus.records.get(topic)?.length ?? 0
  const events = WORDS.map((user) => ({ dataset: 'events', data: { timestamp: '2026-11-25T08:00:00Z', user } }))
  const pretty = events.map((event) => JSON.stringify(event, null, 2))
  for (const [body, type] of [
    [events.map((event) => JSON.stringify(event)).join('\n'), 'application/x-ndjson'],
    [`{"events":[${pretty.join(',\r\n')}]}`, 'application/json'],
  ] as const) {
    const { status, text } = await api.ask('POST', '/v1/collect', { tenant, body, headers: { 'content-type': type } })
    assert.equal(status, 202, text)
  }
  const records = (api.bus.records.get(topic) ?? []).slice(before)
  assert.equal(records.length, 2 * WORDS.length)
  for (const [index, { value }] of records.entries()) {
    const line = Buffer.from(value ?? []).toString()
    assert.ok(!/[\r\n]/.test(line), line)
    assert.equal(JSON.parse(line).data.user, WORDS[index % WORDS.length])
  }
})

test('a log line is one line of JSON, whatever a client said, and without a word of it where it could not be trusted', async (t) => {
  const written: string[] = []
  const log = openLog({ level: 'debug', resource: resourceOf('api'), to: { write: (line) => written.push(line) } })
  t.after(() => log[Symbol.asyncDispose]())
  for (const word of WORDS) {
    const asked = encodeURIComponent(word)
    await api.ask('GET', `/v1/datasets/${asked}/preview`, { tenant })
    await api.ask('GET', `/v1/${asked}?x=${asked}`, { tenant, headers: { 'user-agent': word.replace(/[^ -~]/g, ' ') } })
    await api.ask('POST', '/v1/datasets', { tenant, body: { slug: word, name: word, schema_uri: word } })
    await api.ask('POST', '/v1/collect', { tenant, body: { dataset: word, data: { [word]: word } } })
    await api.ask('POST', '/v1/collect', { tenant, body: `{"dataset":"events","data":${word}}` })
  }
  assert.ok(written.length > WORDS.length)
  for (const text of written) {
    assert.equal(text.indexOf('\n'), text.length - 1, text)
    // oxlint-disable-next-line no-control-regex -- what a terminal would obey
    assert.doesNotMatch(text.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/, text)
    const line = JSON.parse(text) as Record<string, unknown>
    assert.notEqual(line['event'], 'process.defect', text)
    assert.doesNotMatch(text, /planted|DROP TABLE|alert\(1\)/, text)
  }
})

test('a URI in a schema is a name: nothing is fetched, from the web, from this machine or from a disk', async () => {
  let fetched = 0
  const server = createServer((_request, response) => {
    fetched += 1
    response.setHeader('content-type', 'application/schema+json').end('{"type":"object"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const uris = [
    `${here}/schema.json`,
    `${here.replace('127.0.0.1', 'localhost')}/schema.json#/definitions/x`,
    'http://169.254.169.254/latest/meta-data/',
    'file:///etc/passwd',
    'ftp://127.0.0.1/x',
    'data:application/json,{}',
    'gopher://127.0.0.1:6379/_FLUSHALL',
    'jar:http://127.0.0.1!/x',
  ]
  let made = 0
  for (const uri of uris) {
    const definitions: readonly (readonly [keyword: string, definition: object])[] = [
      ['$ref', { properties: { a: { $ref: uri } } }],
      ['$ref', { $ref: uri }],
      ['$dynamicRef', { properties: { a: { $dynamicRef: uri } } }],
      ['$schema', { $schema: uri }],
      ['$id', { $id: uri, properties: { a: { $ref: '#/x' } } }],
      ['$vocabulary', { $vocabulary: { [uri]: true } }],
      ['$class', { $class: uri }],
      ['$fieldGroups', { $fieldGroups: [uri] }],
      ['allOf', { allOf: [{ $ref: uri }] }],
      ['items', { properties: { a: { type: 'array', items: { $ref: uri } } } }],
      ['contentSchema', { properties: { a: { type: 'string', contentSchema: { $ref: uri } } } }],
      ['externalDocs', { externalDocs: { url: uri } }],
    ]
    for (const [keyword, definition] of definitions) {
      for (const collection of ['schemas', 'datatypes', 'classes'] as const) {
        const body = {
          uri: `https://fetch.example/${(made += 1)}`,
          title: 'x',
          definition,
          ...(collection === 'schemas' && keyword !== '$class' ? { class_uri: CLASS } : {}),
        }
        const answer = await api.ask('POST', `/v1/${collection}`, { tenant, body })
        assert.ok(answer.status === 201 || answer.status === 422, `${keyword} ${uri}: ${answer.text}`)
        if (answer.status === 201) {
          const at = `/v1/${collection}/${String(answer.body['id'])}`
          const published = await api.ask('PATCH', at, { tenant, body: { status: 'published' } })
          assert.ok(published.status === 200 || published.status === 422, `${keyword} ${uri}: ${published.text}`)
          // Whatever refers is looked up in the registry, where there is no such thing; contentSchema is an annotation.
          if (
            keyword !== 'contentSchema' &&
            JSON.stringify(definition).includes('"$ref":"') &&
            !keyword.startsWith('$id')
          )
            assert.equal(published.status, 422, `${keyword} ${uri} was published`)
        }
      }
    }
  }
  for (const [path, body] of [
    ['/v1/datasets', { slug: 'fetched', name: 'x', schema_uri: `${here}/schema.json` }],
    ['/v1/descriptors', { uri: `${here}/d`, title: 'x', schema_uri: `${here}/s`, kind: 'identity', pointer: '/user' }],
    ['/v1/schemas', { uri: `${here}/own`, title: 'x', class_uri: `${here}/class`, definition: {} }],
    ['/v1/schemas', { uri: `${here}/own2`, title: 'x', class_uri: CLASS, supersedes: `${here}/v1`, definition: {} }],
  ] as const)
    assert.equal((await api.ask('POST', path, { tenant, body })).status, 422, path)
  assert.equal(fetched, 0)
  // And the source has nothing to fetch with, but where a client of Pulse's own API speaks to it.
  const source = join(import.meta.dirname, '../../src')
  const sources = (await readdir(source, { recursive: true })).filter((name) =>
    /^(pdm|registry|collect|api)\/.*\.ts$/.test(name),
  )
  assert.ok(sources.length > 60)
  for (const name of sources)
    assert.doesNotMatch(
      await readFile(join(source, name), 'utf8'),
      /\bfetch\(|\b(?:request|get|Agent)\b.* from 'node:https?'|\bhttps?\.(?:get|request)\(/,
      name,
    )
})

test('no pattern of the document takes longer than a moment, whatever text is held against it', async () => {
  const { text } = await api.ask('GET', '/openapi.json')
  const patterns = new Set(
    [...text.matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(([, json = '']) => JSON.parse(json) as string),
  )
  assert.ok(patterns.size >= 3)
  const letters = ['a', 'A', '0', '-', '_', ':', '/', '.', '+', ' ', '\\', '%', 'é', '"']
  const evil = letters.flatMap((letter) => {
    const many = letter.repeat(30_000)
    return [many, `${many}!`, `a${many}`, `a:${many} `, `https://${many}<`, `${`${letter}a`.repeat(15_000)}\0`]
  })
  for (const pattern of patterns) {
    const compiled = new RegExp(pattern, 'u')
    for (const one of evil) {
      const began = performance.now()
      compiled.test(one)
      const tookMs = performance.now() - began
      assert.ok(tookMs < 500, `${pattern} took ${Math.round(tookMs)} ms for ${one.slice(0, 10)}…`)
    }
  }
  // And what a tenant brings is refused or linear: the same text against patterns made to backtrack.
  for (const pattern of ['^(a+)+$', '(a|a)*$', '(.*)*x', '^(([a-z])+.)+[A-Z]([a-z])+$', '(x+x+)+y']) {
    const made = await api.ask('POST', '/v1/datatypes', {
      tenant,
      body: {
        uri: `https://re.example/${encodeURIComponent(pattern)}`,
        title: 'x',
        definition: { type: 'string', pattern },
      },
    })
    assert.ok(made.status === 201 || made.status === 422, made.text)
  }
  assert.ok(schema['id'] !== undefined)
})
