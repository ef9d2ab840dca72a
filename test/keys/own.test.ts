import assert from 'node:assert/strict'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ownKey } from '../../src/config/index.ts'
import { issueOwnKeys, openKeyBook } from '../../src/keys/index.ts'
import { createTenant } from '../../src/registry/index.ts'
import { ownFolder } from '../kit/folder.ts'
import { openGround } from '../kit/ground.ts'
import { openMemoryBus } from '../kit/memory-bus.ts'

test('operator, canary and doctor get keys that hold, in files that nobody else reads; what holds is left as it is', async (t) => {
  const ground = await openGround(t)
  const folder = join(await ownFolder(t), 'keys')
  const made = await Promise.all([issueOwnKeys(ground.pg.adminUrl, folder), issueOwnKeys(ground.pg.adminUrl, folder)])
  assert.deepEqual(made.map((names) => names.length).toSorted(), [0, 3], 'two that start at once make one set')
  assert.deepEqual((await readdir(folder)).toSorted(), ['canary', 'doctor', 'operator'])
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  for (const name of await readdir(folder)) assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600)

  await using book = openKeyBook(ground.store, { clock: { now: () => Date.now() }, now: () => performance.now() })
  const shown = (name: 'operator' | 'canary' | 'doctor'): string =>
    ownKey({ apiKey: undefined, keysDir: folder, dataDir: '' }, name) ?? ''
  assert.equal((await book.holderOf(shown('operator'))).tenantId, undefined)
  const canary = await book.holderOf(shown('canary'))
  assert.equal((await book.holderOf(shown('doctor'))).tenantId, canary.tenantId)
  const tenant = await createTenant(
    {
      store: ground.store,
      warehouse: 'file:///lake',
      admin: openMemoryBus().admin,
      topicPartitions: 1,
      deadLetterDays: 30,
    },
    { slug: 'pulse-canary', name: 'Pulse canary' },
  )
  assert.equal(tenant.id, canary.tenantId, 'the API finishes the tenant under the id that the keys have')

  const before = await readFile(join(folder, 'doctor'), 'utf8')
  await writeFile(join(folder, 'operator'), 'pulse_gone\n')
  assert.deepEqual(await issueOwnKeys(ground.pg.adminUrl, folder), ['operator'])
  assert.equal(await readFile(join(folder, 'doctor'), 'utf8'), before)
})

test('a key that was given wins over the file, and where there is neither none is shown', async (t) => {
  const folder = await ownFolder(t)
  assert.equal(ownKey({ apiKey: 'given', keysDir: folder, dataDir: '' }, 'canary'), 'given')
  assert.equal(ownKey({ apiKey: undefined, keysDir: undefined, dataDir: folder }, 'canary'), undefined)
})
