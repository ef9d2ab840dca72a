import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { isLakeFault, type LakeFaultCode, type ObjectStore } from '../../../src/lake/index.ts'
import { ownFolder } from '../../kit/folder.ts'

const is = (code: LakeFaultCode) => (error: unknown) => isLakeFault(error, code)

/** Stores that the contract is held against: `at` is a location below the warehouse, new with each test. */
interface Opened {
  readonly store: ObjectStore
  readonly at: string
}

/** What every place for objects does, whatever it is made of. */
export function objectStoreContract(
  name: string,
  open: (owner: { after(act: () => void | Promise<void>): void }) => Promise<Opened>,
): void {
  describe(`the contract of objects on ${name}`, () => {
    test('an object comes back as it was put, whole and in part, whatever its name', async (t) => {
      const { store, at } = await open(t)
      for (const name of ['plain', 'a b', 'ü=1.bin', 'per%20cent', 'plus+and&', 'deep/er/still']) {
        const body = randomBytes(5_000)
        await store.put(`${at}/${name}`, body)
        assert.deepEqual(Buffer.from(await store.get(`${at}/${name}`)), body, name)
        const part = await store.get(`${at}/${name}`, { start: 4_990, length: 10 })
        assert.deepEqual(Buffer.from(part), body.subarray(4_990), name)
      }
      await store.put(`${at}/empty`, Buffer.alloc(0))
      assert.equal((await store.get(`${at}/empty`)).byteLength, 0)
    })

    test('a put never overwrites: of sixteen that meet one wins, and its bytes are there', async (t) => {
      const { store, at } = await open(t)
      const bodies = Array.from({ length: 16 }, (_, one) => Buffer.from(`body ${one}`.repeat(1_000)))
      const puts = await Promise.allSettled(bodies.map((body) => store.put(`${at}/one`, body)))
      const winners = puts.flatMap((put, one) => (put.status === 'fulfilled' ? [one] : []))
      assert.equal(winners.length, 1)
      for (const put of puts)
        if (put.status === 'rejected') assert.ok(isLakeFault(put.reason, 'object_exists'), put.reason)
      assert.deepEqual(Buffer.from(await store.get(`${at}/one`)), bodies[winners[0] ?? 0])
    })

    test('a file is moved in, small or in many parts, and overwrites nothing', async (t) => {
      const { store, at } = await open(t)
      const folder = await ownFolder(t)
      for (const bytes of [0, 10, 5 * 1024 * 1024, 12 * 1024 * 1024 + 7]) {
        const body = randomBytes(bytes)
        const local = join(folder, `local-${bytes}`)
        await writeFile(local, body)
        await store.putFile(`${at}/file-${bytes}`, local)
        const hash = (of: Uint8Array): string => createHash('sha256').update(of).digest('hex')
        assert.equal(hash(await store.get(`${at}/file-${bytes}`)), hash(body), `${bytes} bytes`)
        await assert.rejects(stat(local), { code: 'ENOENT' })
        await writeFile(local, 'another')
        await assert.rejects(store.putFile(`${at}/file-${bytes}`, local), is('object_exists'))
        assert.equal(hash(await store.get(`${at}/file-${bytes}`)), hash(body))
        await writeFile(local, randomBytes(bytes))
        await assert.rejects(store.putFile(`${at}/file-${bytes}`, local), is('object_exists'))
        assert.equal(hash(await store.get(`${at}/file-${bytes}`)), hash(body))
      }
    })

    test('what lies below a prefix is listed, all of it and nothing else', async (t) => {
      const { store, at } = await open(t)
      const names = Array.from({ length: 30 }, (_, one) => `t/${one % 3}/o-${String(one).padStart(3, '0')}`)
      await Promise.all(names.map((name) => store.put(`${at}/${name}`, Buffer.from(name))))
      await store.put(`${at}/beside`, Buffer.from('x'))
      const found = new Map<string, number>()
      for await (const { location, bytes } of store.list(`${at}/t/`)) found.set(location, bytes)
      assert.deepEqual(
        [...found].toSorted(),
        names.map((name) => [`${at}/${name}`, name.length] as [string, number]).toSorted(),
      )
      const none = []
      for await (const one of store.list(`${at}/nothing/`)) none.push(one)
      assert.deepEqual(none, [])
    })

    test('what was removed is missing, and removing it again is no error', async (t) => {
      const { store, at } = await open(t)
      await store.put(`${at}/gone`, Buffer.from('x'))
      await store.remove(`${at}/gone`)
      await store.remove(`${at}/gone`)
      await assert.rejects(store.get(`${at}/gone`), is('object_missing'))
      await store.put(`${at}/gone`, Buffer.from('anew'))
      assert.equal(Buffer.from(await store.get(`${at}/gone`)).toString(), 'anew')
    })

    test('a local copy has the same bytes, and the store answers that it is there', async (t) => {
      const { store, at } = await open(t)
      await store.put(`${at}/x.parquet`, Buffer.from('columns'))
      const path = await store.localCopy(`${at}/x.parquet`)
      assert.match(path, /\.parquet$/)
      assert.equal((await stat(path)).size, 7)
      await store.ping(5_000)
    })
  })
}
