import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { diskFiles, isLakeFault, openObjectStore, stageAppend, type LakeFaultCode } from '../../../src/lake/index.ts'
import { ownFolder } from '../../kit/folder.ts'
import { fakeFile, job, line, openBench, openWriter, RETENTION } from '../workbench.ts'
import { recordingFiles } from './recording-files.ts'

const is = (code: LakeFaultCode) => (error: unknown) => isLakeFault(error, code)
const body = Buffer.from('body')

test('an object comes back as it was put, whole or in part', async (t) => {
  const root = await ownFolder(t)
  const store = openObjectStore({ warehouse: root })
  const at = `file://${root}/a/b/c.bin`
  await store.put(at, body)
  assert.deepEqual(Buffer.from(await store.get(at)), body)
  assert.deepEqual(Buffer.from(await store.get(at, { start: 1, length: 2 })), Buffer.from('od'))
  assert.equal(await store.localCopy(at), `${root}/a/b/c.bin`)
})

test('a put refuses to overwrite, also when many meet', async (t) => {
  const root = await ownFolder(t)
  const store = openObjectStore({ warehouse: root })
  const at = `file://${root}/x/one`
  const puts = await Promise.allSettled(Array.from({ length: 16 }, (_, i) => store.put(at, Buffer.from(`body ${i}`))))
  assert.equal(puts.filter((put) => put.status === 'fulfilled').length, 1)
  for (const put of puts) if (put.status === 'rejected') assert.ok(isLakeFault(put.reason, 'object_exists'), put.reason)
  const winner = puts.findIndex((put) => put.status === 'fulfilled')
  assert.equal(Buffer.from(await store.get(at)).toString(), `body ${winner}`)
  assert.deepEqual(await readdir(join(root, 'x')), ['one'], 'no temporary file stays')
})

test('putFile moves a local file, and refuses to overwrite', async (t) => {
  const root = await ownFolder(t)
  const store = openObjectStore({ warehouse: join(root, 'lake') })
  const at = `file://${root}/lake/f`
  await writeFile(join(root, 'local'), 'first')
  await store.putFile(at, join(root, 'local'))
  assert.equal(await readFile(join(root, 'lake/f'), 'utf8'), 'first')
  await assert.rejects(readFile(join(root, 'local')), { code: 'ENOENT' })
  await writeFile(join(root, 'local'), 'second')
  await assert.rejects(store.putFile(at, join(root, 'local')), is('object_exists'))
  assert.equal(await readFile(join(root, 'lake/f'), 'utf8'), 'first')
})

test('putFile copies where the file lies on another file system', async (t) => {
  const root = await ownFolder(t)
  const files = {
    ...diskFiles,
    async link(from: string, to: string) {
      if (from.endsWith('/local')) throw Object.assign(new Error('cross-device link'), { code: 'EXDEV' })
      await diskFiles.link(from, to)
    },
  }
  const store = openObjectStore({ warehouse: root, files })
  await writeFile(join(root, 'local'), 'first')
  await store.putFile(`file://${root}/f`, join(root, 'local'))
  assert.equal(await readFile(join(root, 'f'), 'utf8'), 'first')
})

test('removing what is not there is no error, reading it is one', async (t) => {
  const root = await ownFolder(t)
  const store = openObjectStore({ warehouse: root })
  await store.remove(`file://${root}/none`)
  await store.remove(`file://${root}/no/folder/either`)
  await assert.rejects(store.get(`file://${root}/none`), is('object_missing'))
})

test('list walks below a prefix, which may end inside a name', async (t) => {
  const root = await ownFolder(t)
  const store = openObjectStore({ warehouse: root })
  for (const name of ['a/one', 'a/b/two', 'a/b/twelve', 'ab/three', 'c'])
    await store.put(`file://${root}/${name}`, body)
  const below = async (prefix: string): Promise<string[]> => {
    const found: string[] = []
    for await (const one of store.list(`file://${root}/${prefix}`)) {
      assert.equal(one.bytes, 4)
      found.push(one.location.slice(`file://${root}/`.length))
    }
    return found.toSorted()
  }
  assert.deepEqual(await below('a/'), ['a/b/twelve', 'a/b/two', 'a/one'])
  assert.deepEqual(await below('a'), ['a/b/twelve', 'a/b/two', 'a/one', 'ab/three'])
  assert.deepEqual(await below('a/b/tw'), ['a/b/twelve', 'a/b/two'])
  assert.deepEqual(await below('none/'), [])
})

test('nothing is written outside the warehouse', async (t) => {
  const root = await ownFolder(t)
  const store = openObjectStore({ warehouse: join(root, 'lake') })
  await assert.rejects(store.put(`file://${root}/elsewhere/x`, body), is('store_refused'))
  await assert.rejects(store.put('s3://bucket/x', body), is('object_missing'))
})

test('no spelling of a location leads out of the warehouse: nothing there is read, written, listed or removed', async (t) => {
  const root = await ownFolder(t)
  const store = openObjectStore({ warehouse: join(root, 'lake') })
  await store.put(`file://${root}/lake/a/x`, body)
  await mkdir(join(root, 'lake-of-others'))
  for (const name of ['secret', 'lake-of-others/secret']) await writeFile(join(root, name), 'secret')
  for (const climbing of [
    `${root}/secret`,
    `${root}/lake-of-others/secret`,
    `${root}/lake/../secret`,
    `${root}/lake/a/../../secret`,
    `${root}/lake/a/./../../lake-of-others/secret`,
    `${root}/lake//../secret`,
    `${root}/lake/a/x\0`,
    '/etc/hostname',
  ]) {
    const at = `file://${climbing}`
    await assert.rejects(store.get(at), is('object_missing'), at)
    await assert.rejects(store.localCopy(at), is('object_missing'), at)
    await assert.rejects(store.remove(at), is('store_refused'), at)
    await assert.rejects(store.put(`${at}-new`, body), is('store_refused'), at)
    await assert.rejects(Array.fromAsync(store.list(at)), is('store_refused'), at)
  }
  assert.equal(await readFile(join(root, 'secret'), 'utf8'), 'secret')
  assert.equal(await readFile(join(root, 'lake-of-others/secret'), 'utf8'), 'secret')
})

test('links below the warehouse are not followed, wherever they lead', async (t) => {
  const root = await ownFolder(t)
  const lake = join(root, 'lake')
  const store = openObjectStore({ warehouse: lake })
  await store.put(`file://${lake}/a/x`, body)
  await mkdir(join(root, 'outside'))
  await writeFile(join(root, 'outside/secret'), 'secret')
  await symlink(join(root, 'outside'), join(lake, 'folder'))
  await symlink(join(root, 'outside/secret'), join(lake, 'a/file'))
  await symlink(join(lake, 'a/x'), join(lake, 'a/inside'))
  await symlink('loop', join(lake, 'a/loop'))
  const refuse = async (name: string): Promise<void> => {
    const at = `file://${lake}/${name}`
    await assert.rejects(store.get(at), is('store_refused'), name)
    await assert.rejects(store.get(at, { start: 0, length: 2 }), is('store_refused'), name)
    await assert.rejects(store.localCopy(at), is('store_refused'), name)
  }
  for (const name of ['folder/secret', 'a/file', 'a/inside', 'a/loop']) await refuse(name)
  await assert.rejects(store.put(`file://${lake}/folder/new`, body), is('store_refused'))
  await assert.rejects(store.put(`file://${lake}/folder/deep/new`, body), is('store_refused'))
  await writeFile(join(root, 'local'), 'first')
  await assert.rejects(store.putFile(`file://${lake}/folder/new`, join(root, 'local')), is('store_refused'))
  await assert.rejects(store.put(`file://${lake}/a/file`, body), is('object_exists'))
  await assert.rejects(store.remove(`file://${lake}/folder/secret`), is('store_refused'))
  await assert.rejects(Array.fromAsync(store.list(`file://${lake}/folder/`)), is('store_refused'))
  const listed = await Array.fromAsync(store.list(`file://${lake}/`))
  assert.deepEqual(
    listed.map(({ location }) => location),
    [`file://${lake}/a/x`],
  )
  assert.deepEqual(await readdir(join(root, 'outside')), ['secret'])
  assert.equal(await readFile(join(root, 'outside/secret'), 'utf8'), 'secret')
  // A folder that becomes a link while the process runs.
  await rename(join(lake, 'a'), join(root, 'moved'))
  await symlink(join(root, 'moved'), join(lake, 'a'))
  await assert.rejects(store.put(`file://${lake}/a/new`, body), is('store_refused'))
  await refuse('a/x')
})

test('the warehouse itself may be a link: an operator put it there', async (t) => {
  const root = await ownFolder(t)
  await mkdir(join(root, 'big-disk'))
  await symlink(join(root, 'big-disk'), join(root, 'lake'))
  const store = openObjectStore({ warehouse: join(root, 'lake') })
  const at = `file://${root}/lake/a/x`
  await store.put(at, body)
  assert.deepEqual(Buffer.from(await store.get(at)), body)
  assert.equal((await Array.fromAsync(store.list(`file://${root}/lake/`))).length, 1)
  await store.remove(at)
})

test('what a put resolved survives a power cut, with all folders that it made', async (t) => {
  const root = await ownFolder(t)
  const files = recordingFiles(root)
  const store = openObjectStore({ warehouse: join(root, 'deep/lake'), files })
  const names = ['a/b/1', 'a/b/2', 'a/c/3', '4']
  await Promise.all(
    names.map(async (name) => {
      const path = join(root, 'deep/lake', name)
      await store.put(`file://${path}`, body)
      assert.ok(files.survives(path), `${name} at the moment its put resolved:\n${files.log.join('\n')}`)
    }),
  )
})

test('what a commit wrote survives a power cut: data, manifests, list, metadata, folders', async (t) => {
  const root = await ownFolder(t)
  const files = recordingFiles(root)
  const bench = await openBench(t, [], files)
  const onDisk = (location: string): string => location.slice('file://'.length)
  assert.ok(files.survives(onDisk(bench.table.metadataLocation), bench.root), 'the first metadata')
  const writer = await openWriter(t, bench)
  const written = await writer.write(job(bench, [line(1), line(2, {}, '2026-01-02')]))
  assert.equal(written.length, 2)
  for (const file of written) assert.ok(files.survives(onDisk(file.location), bench.root), file.location)
  const staged = await stageAppend(bench.store, bench.table, written, {
    fileTag: 'flush',
    attempt: 0,
    now: 1_767_225_600_000,
    ...RETENTION,
  })
  assert.equal(staged.written.length, 3)
  for (const location of staged.written) assert.ok(files.survives(onDisk(location), bench.root), location)
})

for (const [operation, matching] of [
  ['writeNew', /metadata\.json/],
  ['syncFolder', /metadata$/],
  ['link', /snap-/],
] as const) {
  test(`a commit fails when ${operation} fails on ${matching}, and says so`, async (t) => {
    const root = await ownFolder(t)
    const files = recordingFiles(root)
    const bench = await openBench(t, [], files)
    files.fail(operation, matching, 'EIO')
    const options = { fileTag: 'flush', attempt: 0, now: 1_767_225_600_000, ...RETENTION }
    await assert.rejects(
      stageAppend(bench.store, bench.table, [fakeFile(bench.location, 'flush-0')], options),
      is('store_away'),
    )
  })
}

test('a full disk and a folder that is not ours are refusals, not absences', async (t) => {
  const root = await ownFolder(t)
  const files = recordingFiles(root)
  const store = openObjectStore({ warehouse: root, files })
  files.fail('writeNew', /./, 'ENOSPC')
  await assert.rejects(store.put(`file://${root}/a`, body), is('store_refused'))
  files.fail('makeFolder', /x$/, 'EACCES')
  await assert.rejects(store.put(`file://${root}/x/a`, body), is('store_refused'))
  await store.put(`file://${root}/x/a`, body) // a failed folder is not remembered as made
})

test('a folder that somebody removed is made again', async (t) => {
  const root = await ownFolder(t)
  const store = openObjectStore({ warehouse: root })
  await store.put(`file://${root}/x/a`, body)
  await rm(join(root, 'x'), { recursive: true })
  await store.put(`file://${root}/x/b`, body)
  assert.deepEqual(await readdir(join(root, 'x')), ['b'])
})

test('a warehouse that vanishes is away until it is back, and no new one is made in its place', async (t) => {
  const root = await ownFolder(t)
  const warehouse = join(root, 'lake')
  const store = openObjectStore({ warehouse })
  await store.put(`file://${warehouse}/x/a`, body)
  const away = async (): Promise<void> => {
    await assert.rejects(store.put(`file://${warehouse}/x/b`, body), is('store_away'))
    await assert.rejects(store.put(`file://${warehouse}/new/b`, body), is('store_away'))
    await assert.rejects(store.get(`file://${warehouse}/x/a`), is('store_away'))
    await assert.rejects(store.ping(1000), is('store_away'))
  }
  await rename(warehouse, join(root, 'elsewhere'))
  await away()
  assert.deepEqual(await readdir(root), ['elsewhere'])
  await mkdir(warehouse) // the mount point of a disk that is not mounted
  await away()
  await rm(warehouse, { recursive: true })
  await rename(join(root, 'elsewhere'), warehouse)
  await store.ping(1000)
  await store.put(`file://${warehouse}/x/b`, body)
  assert.deepEqual(await readdir(join(warehouse, 'x')), ['a', 'b'])
})

test('ping answers for a folder that can be used and not for a file', async (t) => {
  const root = await ownFolder(t)
  await openObjectStore({ warehouse: join(root, 'new') }).ping(1000)
  await writeFile(join(root, 'file'), '')
  await mkdir(join(root, 'folder'))
  await assert.rejects(openObjectStore({ warehouse: join(root, 'file/below') }).ping(1000), is('store_refused'))
})
