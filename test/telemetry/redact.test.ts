import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redact, scrub, scrubberOf } from '../../src/telemetry/redact.ts'

test('a secret is cut by the name of its member, at any depth, and so is what a client sent', () => {
  const clean = redact({
    tenant: 'acme',
    nested: { s3SecretKey: 'x', list: [{ password: 'x', rows: 3 }] },
    Authorization: 'x',
    api_key: 'x',
    headers: { 'x-anything': 'x' },
    body: '{"card":"x"}',
    absent: undefined,
    big: 3n,
  })
  assert.deepEqual(clean, {
    tenant: 'acme',
    nested: { s3SecretKey: '***', list: [{ password: '***', rows: 3 }] },
    Authorization: '***',
    api_key: '***',
    headers: '***',
    body: '***',
    big: '3',
  })
})

test('a secret inside a sentence is cut and the sentence stays readable', () => {
  for (const [given, clean] of [
    ['connect postgresql://pulse:pw@db:5432/pulse refused', 'connect postgresql://pulse:***@db:5432/pulse refused'],
    ['connect postgres://pulse:p/w:x@db/p refused', 'connect postgres://pulse:***@db/p refused'],
    ['at https://abcdefghijklmnop0123@host/x', 'at https://***@host/x'],
    ['Bearer abc.def-123 is unknown', 'Bearer *** is unknown'],
    ['{"password":"a b","n":1}', '{"password":***,"n":1}'],
    ["sasl.password: 'x', user: y", 'sasl.password: ***, user: y'],
    ['GET /v1/x?api_key=abc&limit=3', 'GET /v1/x?api_key=***&limit=3'],
    ['X-Amz-Signature=abc123&X-Amz-Date=2', 'X-Amz-Signature=***&X-Amz-Date=2'],
    ['token eyJhbGciOiJI.eyJzdWIiOiIx.c2ln here', 'token *** here'],
    [`a pulse_${'0a'.repeat(16)}_${'9f'.repeat(32)} b`, `a pulse_${'0a'.repeat(16)}_*** b`],
    ['Unexpected token \'x\', "{"card": x}" is not valid JSON', "Unexpected token 'x'"],
    ['duplicate: Key (slug)=(my secret) already exists', 'duplicate: Key (slug)=(***) already exists'],
    ['invalid input syntax for type uuid: "4111-1111"', 'invalid input syntax for type uuid: "***"'],
  ] as const)
    assert.equal(scrub(given), clean)
})

test('a sentence without a secret stays as it is', () => {
  for (const text of [
    'no secret here: 3 rows, key order kept',
    'POST /v1/collect answered 202',
    'pulse.01900000-0000-7000-8000-0000000000ff.events.raw/3: recreated, 2 records missing',
    'The API answers on http://127.0.0.1:8000',
    'connect ECONNREFUSED 127.0.0.1:5432',
    'postgres://pulse_app@db:5432/pulse is away',
  ])
    assert.equal(scrub(text), text)
})

test('what the process itself holds is cut wherever it stands, as it is and as a URL spells it', () => {
  const scrubbed = scrubberOf(['s p/e:c', 'tiny', ''])
  assert.equal(scrubbed('x s p/e:c y s%20p%2Fe%3Ac tiny'), 'x *** y *** tiny', 'five letters would cut ordinary words')
})

test('a text as long as an attacker likes costs time in proportion, and its line stays one that a log store takes', () => {
  const began = performance.now()
  for (const text of [
    'a'.repeat(1 << 20),
    `${'a'.repeat(10)}://`.repeat(50_000),
    'key'.repeat(300_000),
    `Key (${'('.repeat(1 << 19)}`,
    '-----BEGIN PRIVATE KEY-----'.repeat(30_000),
    `Unexpected token ${'"'.repeat(1 << 19)}`,
    'eyJ'.repeat(1 << 18),
  ])
    assert.ok(scrub(text).length < 4_200)
  const tookMs = performance.now() - began
  assert.ok(tookMs < 2_000, `${tookMs} ms`)
})
