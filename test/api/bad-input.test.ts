import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, test } from 'node:test'
import { rawTopic } from '../../src/event/index.ts'
import { makeJourney, withApi } from '../kit/api-server.ts'
import { BAD_DEFINITIONS } from '../kit/bad-definitions.ts'
import { BAD_INPUTS, BAD_INPUT_DEFINITION, expectedAnswers, goodEvent, type SentRequest } from '../kit/bad-input.ts'

/** The table of bad input over real HTTP: the room's own test sends the same into the room. */
const api = await withApi({ after }, { settings: { collectBodyTimeoutMs: 1_000 } })
const { tenant } = await makeJourney(api, BAD_INPUT_DEFINITION)
const theirs = await makeJourney(api, BAD_INPUT_DEFINITION)
const schemaUri = String(theirs.schema['uri'])
const foreign = await api.ask('POST', '/v1/datasets', {
  tenant: theirs.tenant,
  body: { slug: 'theirs', name: 'Theirs', schema_uri: schemaUri },
})
assert.equal(foreign.status, 201, foreign.text)
const place = { dataset: 'events', foreignDataset: 'theirs' }

/** Members of a request that makes an entity or a dataset. */
const ROOTS = ['definition', 'class_uri', 'field_group_uris', 'schema_uri']

interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly results: readonly { readonly status: string; readonly code?: string }[]
}

/** Sends as the case says; a client that goes away half-way is told nothing. */
function send(sent: SentRequest): Promise<Answer | 'gone'> {
  return new Promise((resolve, reject) => {
    const isWhole = sent.delivery === undefined || sent.delivery === 'whole'
    const client = request(
      {
        port: api.port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/v1/collect',
        agent: false,
        headers: {
          'x-tenant-id': tenant,
          'content-length': sent.body.length,
          ...(sent.contentType === undefined ? {} : { 'content-type': sent.contentType }),
          ...(sent.contentEncoding === undefined ? {} : { 'content-encoding': sent.contentEncoding }),
          ...(sent.idempotencyKey === undefined ? {} : { 'idempotency-key': sent.idempotencyKey }),
        },
      },
      (answer) => {
        const chunks: Buffer[] = []
        answer
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('end', () => {
            const document = JSON.parse(Buffer.concat(chunks).toString()) as Omit<Answer, 'status'>
            resolve({ status: answer.statusCode ?? 0, code: document.code, results: document.results ?? [] })
            client.destroy()
          })
      },
    )
    client.on('error', (error) => (sent.delivery === 'half' ? resolve('gone') : reject(error)))
    if (isWhole) return client.end(sent.body)
    client.write(sent.body.subarray(0, 20))
    if (sent.delivery === 'half') setImmediate(() => client.destroy())
    return client
  })
}

const verdictOf = (answer: Answer, at: number): string | undefined =>
  answer.results[at]?.code ?? answer.results[at]?.status

for (const { input, status, code, verdict } of expectedAnswers('Events')) {
  test(`${input}: ${status} ${verdict}, and no neighbour is touched`, async () => {
    const bad = Buffer.from(
      BAD_INPUTS.find((one) => one.input === input)?.event?.(place) ?? assert.fail('no such case'),
    )
    const alone = await send({ contentType: 'application/json', body: bad })
    assert.ok(alone !== 'gone')
    assert.deepEqual([alone.status, alone.code, verdictOf(alone, 0)], [status, code, verdict])

    const before = api.bus.records.get(rawTopic(tenant))?.length ?? 0
    const good = goodEvent(place)
    const among = await send({
      contentType: 'application/x-ndjson',
      body: Buffer.concat([Buffer.from(`${good}\n`), bad, Buffer.from(`\n${good}\n`)]),
    })
    assert.ok(among !== 'gone')
    assert.equal(among.status, 202)
    assert.deepEqual(
      [0, 1, 2].map((at) => verdictOf(among, at)),
      ['accepted', verdict, 'accepted'],
    )
    const published = (api.bus.records.get(rawTopic(tenant))?.length ?? 0) - before
    assert.equal(published, verdict === 'accepted' ? 3 : 2)
  })
}

for (const { input, status, code } of expectedAnswers('Requests')) {
  test(`${input}: ${status} ${code ?? ''}`, async () => {
    const sent = BAD_INPUTS.find((one) => one.input === input)?.request?.(place) ?? assert.fail('no such case')
    const answer = await send(sent)
    if (sent.delivery === 'half') assert.equal(answer, 'gone')
    else assert.deepEqual(answer === 'gone' ? answer : [answer.status, answer.code], [status, code])
    assert.equal((await api.ask('GET', '/health')).status, 200)
  })
}

let count = 0
for (const { input, status, code } of expectedAnswers('Definitions')) {
  test(`${input}: ${status} ${code}`, async () => {
    const bad = BAD_DEFINITIONS.find((one) => one.input === input) ?? assert.fail('no such case')
    const uri = `https://test.example/bad-definition/${++count}`
    let class_uri = 'https://ns.azothedge.com/pdm/class/person-profile'
    if (bad.classDefinition !== undefined) {
      const base = { uri: `${uri}/class`, title: 'Class', definition: bad.classDefinition }
      const made = await api.ask('POST', '/v1/classes', { tenant, body: base })
      assert.equal(made.status, 201, made.text)
      await api.ask('PATCH', `/v1/classes/${made.body['id']}`, { tenant, body: { status: 'published' } })
      class_uri = base.uri
    }
    // A definition is refused as early as it can be: when it is sent, published, or bound to a dataset.
    let answer = await api.ask('POST', '/v1/schemas', {
      tenant,
      body: { uri, title: 'Bad', class_uri, definition: bad.definition },
    })
    if (answer.status === 201) {
      answer = await api.ask('PATCH', `/v1/schemas/${answer.body['id']}`, { tenant, body: { status: 'published' } })
    }
    assert.equal(answer.status === 200, bad.asDataset === true, answer.text)
    if (answer.status === 200) {
      answer = await api.ask('POST', '/v1/datasets', {
        tenant,
        body: { slug: `bad-${count}`, name: 'Bad', schema_uri: uri },
      })
    }
    // What is no object is the request's fault, before it is looked at as a definition.
    const expected = Array.isArray(bad.definition) ? 'invalid' : code
    assert.deepEqual([answer.status, answer.body['code']], [status, expected], answer.text)
    // Where it is: in what was sent, or, for the name of a column, in what it was composed to.
    const pointers = (answer.body['errors'] as { pointer: string }[]).map(({ pointer }) => pointer)
    const roots = expected === 'reserved_name' || expected === 'columns_collide' ? ['properties'] : ROOTS
    assert.ok(pointers.length > 0, answer.text)
    for (const pointer of pointers) assert.ok(roots.includes(pointer.split('/')[1] ?? ''), answer.text)
  })
}
