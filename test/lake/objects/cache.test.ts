import assert from 'node:assert/strict'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileCache } from '../../../src/lake/objects/cache.ts'
import { ownFolder } from '../../kit/folder.ts'

test('an object is fetched once, however many ask, and again when its copy is gone', async (t) => {
  const cache = fileCache(join(await ownFolder(t), 'c'), 1000)
  let fetches = 0
  const fetch = async () => ((fetches += 1), Buffer.from('body'))
  const paths = await Promise.all(Array.from({ length: 5 }, () => cache.path('s3://b/x.parquet', fetch)))
  assert.equal(new Set(paths).size, 1)
  assert.equal(fetches, 1)
  const [path = ''] = paths
  assert.equal(await readFile(path, 'utf8'), 'body')
  await rm(path)
  assert.equal(await readFile(await cache.path('s3://b/x.parquet', fetch), 'utf8'), 'body')
  assert.equal(fetches, 2)
})

test('copies stay within the bound, the least recently used go, a failed fetch is tried again', async (t) => {
  const folder = join(await ownFolder(t), 'c')
  const cache = fileCache(folder, 100)
  const put = (name: string) => cache.path(`s3://b/${name}`, async () => Buffer.alloc(40))
  const first = await put('1')
  await put('2')
  await put('1')
  await put('3')
  assert.equal((await readdir(folder)).length, 2)
  await readFile(first)
  await assert.rejects(
    cache.path('s3://b/4', async () => {
      throw new Error('away')
    }),
    /away/,
  )
  await put('4')
  // A new process takes the folder over, and keeps to its own bound.
  const again = fileCache(folder, 50)
  await again.path('s3://b/4', async () => assert.fail('it is there already'))
  assert.ok((await readdir(folder)).length <= 2)
})
