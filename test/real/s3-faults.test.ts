import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { isLakeFault, openObjectStore, type LakeFaultCode, type ObjectStore } from '../../src/lake/index.ts'
import { ownFolder } from '../kit/folder.ts'
import { ACCESS_KEY, SECRET_KEY, withS3 } from '../kit/s3.ts'
import { openS3Proxy, type S3Fault, type S3Proxy } from '../kit/s3-proxy.ts'

/** A real server behind a proxy that does to requests what networks and stores do. */
const LONG = { timeout: 120_000 }
const ends: (() => void | Promise<void>)[] = []
const owner = { after: (end: () => void | Promise<void>) => void ends.unshift(end) }
let proxy: S3Proxy

before(
  async () => {
    proxy = await openS3Proxy(owner, (await withS3(owner)).endpoint)
  },
  { timeout: 1_800_000 },
)
after(async () => {
  for (const end of ends) await end()
})

async function opened(t: TestContext, over: { secretKey?: string; warehouse?: string } = {}) {
  t.after(() => void (proxy.next = () => undefined))
  const warehouse = over.warehouse ?? 's3://pulse/iceberg'
  const store: ObjectStore = openObjectStore({
    warehouse,
    cacheDir: await ownFolder(t),
    s3: {
      endpoint: proxy.endpoint,
      accessKey: ACCESS_KEY,
      secretKey: over.secretKey ?? SECRET_KEY,
      partBytes: 5 * 2 ** 20,
    },
  })
  return { store, at: `${warehouse}/${randomUUID()}` }
}
/** The fault for the next `times` requests, then none. */
function times(count: number, fault: S3Fault): void {
  let left = count
  proxy.next = () => ((left -= 1) >= 0 ? fault : undefined)
}
const refused =
  (code: LakeFaultCode, says: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(isLakeFault(error, code), String(error))
    assert.match(String(error), says)
    return true
  }

for (const fault of ['slow down', 'cut', 'answer lost', 'late', 'torn body', 'silent body', 'no answer'] as const)
  test(
    `what is put while requests meet "${fault}" is there once, whole, and nothing is taken for somebody else's`,
    LONG,
    async (t) => {
      const { store, at } = await opened(t)
      const body = randomBytes(50_000)
      times(fault === 'slow down' ? 2 : 1, fault)
      await store.put(`${at}/one`, body)
      assert.deepEqual(Buffer.from(await store.get(`${at}/one`)), body)
      await assert.rejects(store.put(`${at}/one`, randomBytes(10)), (error) => isLakeFault(error, 'object_exists'))
    },
  )

for (const fault of ['slow down', 'cut', 'torn body', 'silent body', 'not yet known', 'late'] as const)
  test(`what is read while requests meet "${fault}" is whole`, LONG, async (t) => {
    const { store, at } = await opened(t)
    const body = randomBytes(300_000)
    await store.put(`${at}/one`, body)
    times(1, fault)
    assert.deepEqual(Buffer.from(await store.get(`${at}/one`)), body)
    times(1, fault)
    const part = await store.get(`${at}/one`, { start: 1_000, length: 200_000 })
    assert.deepEqual(Buffer.from(part), body.subarray(1_000, 201_000))
  })

for (const fault of ['slow down', 'cut', 'answer lost', 'late'] as const)
  test(`a file in many parts of which some meet "${fault}" is there whole`, LONG, async (t) => {
    const { store, at } = await opened(t)
    const body = randomBytes(12 * 2 ** 20 + 7)
    const local = join(await ownFolder(t), 'big')
    await writeFile(local, body)
    let asked = 0
    proxy.next = () => ((asked += 1) % 2 === 1 ? fault : undefined)
    await store.putFile(`${at}/big`, local)
    proxy.next = () => undefined
    assert.ok(Buffer.from(await store.get(`${at}/big`)).equals(body))
  })

test('a store that never answers is given up within a minute, as one that is away', LONG, async (t) => {
  const { store, at } = await opened(t)
  proxy.next = () => 'no answer'
  const from = performance.now()
  await assert.rejects(store.put(`${at}/one`, Buffer.from('x')), (error) => isLakeFault(error, 'store_away'))
  assert.ok(performance.now() - from < 60_000, `${performance.now() - from} ms`)
})

test(
  'what waiting does not mend says what to do: a wrong key, a clock, a bucket that is not there',
  LONG,
  async (t) => {
    const wrongKey = await opened(t, { secretKey: 'another secret' })
    await assert.rejects(
      wrongKey.store.put(`${wrongKey.at}/one`, Buffer.from('x')),
      refused('store_refused', /secret key is another one/),
    )
    const noBucket = await opened(t, { warehouse: 's3://nobody/iceberg' })
    await assert.rejects(
      noBucket.store.put(`${noBucket.at}/one`, Buffer.from('x')),
      refused('store_refused', /no such bucket/),
    )
    const { store, at } = await opened(t)
    proxy.next = () => 'clock skew'
    await assert.rejects(store.put(`${at}/one`, Buffer.from('x')), refused('store_refused', /set this one by NTP/))
  },
)

test('a store without conditional writes is named as such, and nothing is overwritten there', LONG, async (t) => {
  const { store, at } = await opened(t)
  await store.put(`${at}/one`, Buffer.from('first'))
  proxy.next = () => 'unconditional'
  await store.put(`${at}/one`, Buffer.from('second')).then(
    () => assert.fail('it was written'),
    (error: unknown) => assert.ok(isLakeFault(error), String(error)),
  )
  proxy.next = () => undefined
  assert.equal(Buffer.from(await store.get(`${at}/one`)).toString(), 'first')
})
