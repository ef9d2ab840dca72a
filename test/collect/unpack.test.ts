import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { unpack } from '../../src/collect/index.ts'
import type { Problem } from '../../src/problems/index.ts'

const MAX = 1 << 20

test('gzip and zstd are unpacked, several members or frames too; none is passed on as it is', async () => {
  const body = Buffer.from('an event '.repeat(1000))
  assert.equal(unpack(body, undefined, MAX), body)
  assert.equal(unpack(body, ' Identity ', MAX), body)
  assert.deepEqual(await unpack(gzipSync(body), 'gzip', MAX), body)
  assert.deepEqual(await unpack(Buffer.concat([gzipSync('a'), gzipSync('b')]), 'x-gzip', MAX), Buffer.from('ab'))
  assert.deepEqual(await unpack(zstdCompressSync(body), 'zstd', MAX), body)
})

test('the limit holds for the unpacked size, to the byte', async () => {
  for (const [coding, pack] of [
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    assert.equal((await unpack(pack(Buffer.alloc(MAX)), coding, MAX)).length, MAX)
    await assert.rejects(
      async () => unpack(pack(Buffer.alloc(MAX + 1)), coding, MAX),
      (error: Problem) => error.code === 'too_large' && /1048576/.test(error.message),
    )
  }
})

test('a frame that asks for a window larger than any body is refused before the memory is taken', async () => {
  const params = {
    [constants.ZSTD_c_windowLog]: 27,
    [constants.ZSTD_c_enableLongDistanceMatching]: 1,
    [constants.ZSTD_c_contentSizeFlag]: 0,
  }
  const packed = zstdCompressSync(Buffer.alloc(100), { params })
  const outcome = await Promise.resolve(unpack(packed, 'zstd', MAX)).then(
    (body) => body.length,
    (error: Problem) => error.code,
  )
  assert.ok(outcome === 100 || outcome === 'too_large', String(outcome))
})

test('what is broken or unknown is refused by name', async () => {
  for (const [packed, coding] of [
    [Buffer.from('plain'), 'gzip'],
    [Buffer.from('plain'), 'zstd'],
    [gzipSync('abc').subarray(0, 12), 'gzip'],
    [Buffer.alloc(0), 'gzip'],
  ] as const) {
    await assert.rejects(
      async () => unpack(packed, coding, MAX),
      (error: Problem) => error.code === 'malformed',
    )
  }
  for (const coding of ['br', 'gzip, gzip', 'deflate'])
    assert.throws(
      () => unpack(Buffer.alloc(1), coding, MAX),
      (error: Problem) => error.code === 'unsupported_media_type',
    )
})
