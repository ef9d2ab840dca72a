import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { fastFormats } from 'ajv-formats/dist/formats.js'
import { PROBLEMS, PROBLEM_EXAMPLES, type ProblemCode } from '../../src/problems/index.ts'
import { closed, documentOfRoutes, openContract } from '../kit/contract.ts'

type Json = Record<string, any> // oxlint-disable-line typescript/no-explicit-any -- a document of any shape
const document = (await documentOfRoutes()) as unknown as Json & Awaited<ReturnType<typeof documentOfRoutes>>
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    operation: operation as Json,
  })),
)
const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { ...fastFormats } })
const compiled = new Map<string, ValidateFunction>()
/** Many answers have one schema: compiled once. */
const fits = (schema: Json, example: unknown): string => {
  const text = JSON.stringify(schema)
  const validate = compiled.get(text) ?? ajv.compile({ ...closed(schema), components: document['components'] })
  compiled.set(text, validate)
  return validate(example) ? '' : JSON.stringify(validate.errors)
}

test('every operation has a summary, a description, and parameters that are described', () => {
  const gaps = operations.flatMap(({ name, operation }) => [
    ...['summary', 'description'].filter((word) => !operation[word]).map((word) => `${name} has no ${word}`),
    ...(operation['parameters'] ?? [])
      .filter((parameter: Json) => !parameter['description'])
      .map((parameter: Json) => `${name} does not say what ${parameter['name']} is`),
  ])
  assert.deepEqual(gaps, [])
})

test('whatever changes something may find somebody else at it, and says so; what sends events composes no schema', () => {
  const codes = (name: string): string[] =>
    Object.values<Json>(operations.find((one) => one.name === name)?.operation['responses'] ?? {}).flatMap(
      (answer) => answer['content']?.['application/problem+json']?.schema.allOf[1].properties.code.enum ?? [],
    )
  const changing = operations.filter(({ name }) => !/^GET|\/collect$|\/infer$|\/impact$| \/(?!v1)/.test(name))
  assert.ok(changing.length > 25)
  assert.deepEqual(
    changing.filter(({ name }) => !codes(name).includes('conflict')).map(({ name }) => name),
    [],
  )
  assert.ok(!codes('GET /v1/keys').includes('conflict') && !codes('POST /v1/collect').includes('conflict'))
  for (const name of ['POST /v1/datasets/{dataset}/batch', 'POST /v1/datasets/{dataset}/dead-letters/replay'])
    assert.deepEqual(
      [codes(name).includes('unknown_dataset'), codes(name).includes('composition_conflict')],
      [true, false],
    )
})

test('what descriptions say in angle brackets is code: a viewer takes it for HTML elsewhere, and shows nothing', () => {
  let described = 0
  const wrong: string[] = []
  const look = (value: unknown): void => {
    for (const [name, within] of Object.entries((value ?? {}) as Json)) {
      if (name === 'description' && typeof within === 'string') {
        described += 1
        if (within.replaceAll(/`[^`]*`/g, '').includes('<')) wrong.push(within)
      } else if (typeof within === 'object' && !name.startsWith('example')) look(within)
    }
  }
  look(document)
  assert.deepEqual(wrong, [])
  assert.ok(described > 1_000, `${described} descriptions`)
})

test('every operation has a name of its own that a program can have, too', () => {
  const names = operations.map(({ operation }) => String(operation['operationId']))
  assert.deepEqual(
    names.filter((name) => !/^[a-z]+[A-Z][A-Za-z]+$/.test(name)),
    [],
  )
  assert.equal(new Set(names).size, names.length)
})

test('every body and every answer has an example, and the example fits its schema', () => {
  let examples = 0
  const wrong = operations.flatMap(({ name, operation }) => {
    const bodies = Object.entries<Json>(operation['requestBody']?.content ?? {}).map(
      ([type, media]) => [`body ${type}`, media] as const,
    )
    const answers = Object.entries<Json>(operation['responses']).flatMap(([status, answer]) =>
      Object.entries<Json>(answer['content'] ?? {}).map(([type, media]) => [`${status} ${type}`, media] as const),
    )
    return [...bodies, ...answers].flatMap(([what, media]) => {
      const all = media['examples'] ?? (media['example'] === undefined ? {} : { one: { value: media['example'] } })
      const found = Object.entries<Json>(all).map(([key, { $ref, value }]) =>
        $ref === undefined ? value : (document['components'] as Json)['examples'][key].value,
      )
      examples += found.length
      if (found.length === 0) return [`${name} ${what} has no example`]
      return found
        .map((one) => fits(media['schema'], one))
        .filter((fault) => fault !== '')
        .map((fault) => `${name} ${what}: ${fault}`)
    })
  })
  assert.deepEqual(wrong, [])
  assert.ok(examples > 300, `${examples} examples`)
})

test('every problem that is documented has an example of its own, and every operation says which it answers', () => {
  const documented = new Set(
    operations.flatMap(({ operation }) =>
      Object.values<Json>(operation['responses']).flatMap((answer) =>
        Object.keys(answer['content']?.['application/problem+json']?.examples ?? {}),
      ),
    ),
  )
  const codes = Object.keys(PROBLEMS) as ProblemCode[]
  assert.deepEqual(
    [...documented].filter((code) => PROBLEM_EXAMPLES[code as ProblemCode] === undefined),
    [],
  )
  // One is a verdict of an event, one is of paths that no operation has.
  const nowhere = codes.filter((code) => !documented.has(code))
  assert.deepEqual(
    nowhere.filter((code) => !['method_not_allowed', 'number_out_of_range'].includes(code)),
    [],
  )
  for (const { name, operation } of operations)
    for (const [status, answer] of Object.entries<Json>(operation['responses'])) {
      const media = answer['content']?.['application/problem+json']
      if (media !== undefined) assert.ok(media.schema.allOf[1].properties.code.enum.length > 0, `${name} ${status}`)
      assert.ok(answer['headers']['x-request-id'] && answer['headers']['traceparent'], `${name} ${status}`)
    }
})

test('the contract takes what is documented and nothing else: no other status, media type, header, member or code', () => {
  const contract = openContract(document)
  const said = { 'x-request-id': '1', traceparent: '00-1-2-01', date: 'now' }
  const key = { id: '01936f1e-8a40-7c3d-9f00-000000000008', name: 'k', scopes: ['read'], status: 'active' }
  const whole = { ...key, rotated_from: null, created_at: '2026-11-25T08:00:00Z', expires_at: null, last_used_at: null }
  const hold =
    (
      status: number,
      body: Json,
      contentType = 'application/json; charset=utf-8',
      path = '/v1/keys/1',
      headers: Record<string, string> = status === 200 ? { ...said, etag: '"x"' } : said,
    ) =>
    () =>
      contract.hold({
        method: 'GET',
        path,
        status,
        contentType,
        text: JSON.stringify(body),
        headers: Object.entries(headers),
      })
  const problem = {
    type: 'urn:pulse:problem:not_found',
    title: 'Not found',
    status: 404,
    code: 'not_found',
    detail: 'x',
    instance: '/v1/keys/1',
  }
  const type = 'application/problem+json; charset=utf-8'
  hold(200, {
    ...(document.paths['/v1/keys/{id}'] as Json)['get'].responses['200'].content['application/json'].example,
    ...whole,
  })()
  hold(404, problem, type)()
  hold(404, { ...problem, instance: '/nowhere' }, type, '/nowhere')()
  assert.throws(hold(200, { ...whole, secret: 'x' }), /unevaluatedProperties/)
  assert.throws(hold(200, key), /required/)
  assert.throws(hold(202, whole), /answered 202/)
  assert.throws(hold(200, whole, 'text/plain'), /text\/plain/)
  assert.throws(hold(404, { ...problem, code: 'uri_taken' }, type), /allowed values/)
  assert.throws(hold(404, { ...problem, tip: 'x' }, type), /unevaluatedProperties/)
  assert.throws(hold(200, whole, 'application/json', '/nowhere'), /does not say/)
  assert.throws(hold(200, whole, undefined, undefined, said), /no etag/)
  assert.throws(hold(404, problem, type, undefined, { ...said, 'x-secret': '1' }), /x-secret/)
  assert.throws(hold(404, problem, type, undefined, { 'x-request-id': '1' }), /no traceparent/)
})
