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
  const skippable = Buffer.from('502a4d1804000000aaaaaaaa', 'hex')
  const frames = [zstdCompressSync('a'), skippable, zstdCompressSync(''), zstdCompressSync(body)]
  assert.deepEqual(await unpack(Buffer.concat(frames), 'zstd', MAX), Buffer.concat([Buffer.from('a'), body]))
})

test('the limit holds for the unpacked size, to the byte', async () => {
  for (const [coding, pack] of [
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    assert.equal((await unpack(pack(Buffer.alloc(MAX)), coding, MAX)).length, MAX)
    const halves = Buffer.concat([pack(Buffer.alloc(MAX - 1)), pack('ab')])
    await assert.rejects(async () => unpack(halves, coding, MAX), { code: 'too_large' })
    await assert.rejects(
      async () => unpack(pack(Buffer.alloc(MAX + 1)), coding, MAX),
      (error: Problem) => error.code === 'too_large' && /1048576/.test(error.message),
    )
  }
})

test('a zstd body may have a thousand frames: millions of empty ones take no minute', async () => {
  const frame = zstdCompressSync('')
  const of = (frames: number) => unpack(Buffer.concat(Array.from({ length: frames }, () => frame)), 'zstd', MAX)
  assert.equal((await of(1_000)).length, 0)
  await assert.rejects(async () => of(1_001), { code: 'too_large' })
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
    [Buffer.alloc(0), 'zstd'],
    [Buffer.concat([zstdCompressSync('{}'), Buffer.from('more')]), 'zstd'],
    [Buffer.concat([zstdCompressSync('{}'), zstdCompressSync('{}').subarray(0, 7)]), 'zstd'],
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
