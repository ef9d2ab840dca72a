import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redact, scrub } from '../../src/telemetry/redact.ts'

test('a secret is cut by the name of its member, at any depth', () => {
  const clean = redact({
    tenant: 'acme',
    nested: { s3SecretKey: 'x', list: [{ password: 'x', rows: 3 }] },
    Authorization: 'x',
    api_key: 'x',
  })
  assert.deepEqual(clean, {
    tenant: 'acme',
    nested: { s3SecretKey: '***', list: [{ password: '***', rows: 3 }] },
    Authorization: '***',
    api_key: '***',
  })
})

test('a secret inside a sentence is cut and the sentence stays readable', () => {
  assert.equal(
    scrub('connect postgresql://pulse:pw@db:5432/pulse refused'),
    'connect postgresql://pulse:***@db:5432/pulse refused',
  )
  assert.equal(scrub('Bearer abc.def-123 is unknown'), 'Bearer *** is unknown')
  assert.equal(scrub('no secret here: 3 rows, key order kept'), 'no secret here: 3 rows, key order kept')
})
