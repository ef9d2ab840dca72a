import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { createGzip } from 'node:zlib'
import { call, makePlace } from '../kit/api.ts'
import { bootPulse } from '../kit/system.ts'
import { beginUpload } from '../kit/uploading.ts'

const system = await bootPulse({})
after(() => system[Symbol.asyncDispose]())
const place = await makePlace(system.baseUrl, {
  type: 'object',
  properties: { n: { type: 'integer' } },
  additionalProperties: true,
})

const residentMiB = (): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${system.pid('api') ?? 0}/status`, 'utf8'))?.[1] ?? 0) / 1024

/** What an API that takes a file holds more than one that does not: some loads of a MiB, their copies, and garbage. */
const MOST_MORE_MIB = 400
const BYTES = 2 ** 30
const ROW_BYTES = 32_768

test('a file of 1 GiB passes through in bounded memory', { timeout: 300_000 }, async (t) => {
  // One row of eight is taken, the others are refused: most of the work, and little for the bus.
  const filling = 'x'.repeat(ROW_BYTES - 80)
  const rowAt = (n: number): string =>
    `{"timestamp":"2026-11-25T08:00:00Z","n":${n % 8 === 0 ? n : `"${n}"`},"more":"${filling}"}\n`
  const id = randomUUID()
  const uploading = beginUpload(system.baseUrl, place.dataset, {
    'content-type': 'application/x-ndjson',
    'content-encoding': 'gzip',
    'x-tenant-id': place.tenantId,
    'upload-id': id,
  })
  const before = residentMiB()
  let most = before
  const look = setInterval(() => (most = Math.max(most, residentMiB())), 100)
  const startedAt = performance.now()
  let [bytes, rows] = [0, 0]
  try {
    const gzip = createGzip({ level: 1 })
    const sending = (async () => {
      for await (const part of gzip) await uploading.write(part as Buffer)
      uploading.end()
    })()
    while (bytes < BYTES) {
      const row = rowAt(rows++)
      bytes += row.length
      if (!gzip.write(row)) await new Promise((resolve) => gzip.once('drain', resolve))
    }
    gzip.end()
    await sending
    const { status, body } = await uploading.answer
    assert.equal(status, 202, JSON.stringify(body))
    assert.deepEqual(
      [body['accepted'], body['rejected'], body['upload_offset']],
      [Math.ceil(rows / 8), rows - Math.ceil(rows / 8), bytes],
    )
  } finally {
    clearInterval(look)
  }
  const tookSeconds = (performance.now() - startedAt) / 1_000
  t.diagnostic(
    `${rows} rows, ${bytes} bytes in ${tookSeconds.toFixed(1)} s; the API held ${before.toFixed(0)} MiB before, at most ${most.toFixed(0)} MiB`,
  )
  assert.ok(most - before < MOST_MORE_MIB, `${before.toFixed(0)} MiB became ${most.toFixed(0)} MiB`)
  const { text } = await fetch(`${system.baseUrl}/v1/batches/${id}/results`, {
    headers: { 'x-tenant-id': place.tenantId },
  }).then(async (answer) => ({ text: await answer.text() }))
  assert.equal(text.trim().split('\n').length, 10_000, 'the first so many rejections are kept')
  assert.equal((await call(system.baseUrl, 'GET', '/health')).status, 200)
})
