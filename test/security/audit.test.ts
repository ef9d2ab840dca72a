import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { installedFaults, lockfileFaults, type Lockfile, type Manifest } from '../../scripts/lockfile.ts'
import { ownFolder } from '../kit/folder.ts'

const root = resolve(import.meta.dirname, '../..')
const read = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(root, name), 'utf8')) as T
const lock = await read<Lockfile>('package-lock.json')
const manifest = await read<Manifest>('package.json')

test('what Pulse depends on is pinned, known by its hash, under a licence that can be taken, and without unseen scripts', () => {
  assert.ok(Object.keys(lock.packages).length > 100)
  assert.deepEqual(lockfileFaults(lock, manifest), [])
})

test('each way in which a lockfile can go wrong is noticed', () => {
  const path = 'node_modules/fastify'
  const changes: Readonly<Record<string, Record<string, unknown>>> = {
    'no sha512': { integrity: undefined },
    'no sha512 of what it is': { integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' },
    'from an address': { resolved: 'git+ssh://git@example.org/fastify.git' },
    'the licence': { license: 'SSPL-1.0' },
    'the licence none': { license: undefined },
    'install script': { hasInstallScript: true },
    'no version': { version: 'latest' },
    'is a link': { link: true },
    'is locked as': { version: '5.0.0' },
  }
  for (const [said, change] of Object.entries(changes)) {
    const packages = { ...lock.packages, [path]: { ...lock.packages[path], ...change } } as Lockfile['packages']
    const faults = lockfileFaults({ ...lock, packages }, manifest)
    assert.ok(
      faults.some((fault) => fault.includes(said)),
      `${said}: ${faults.join('; ')}`,
    )
  }
  for (const version of ['^5.0.0', '*', 'latest', '>=1', 'file:../x', 'git+https://example.org/x.git', '1.x']) {
    const asked = { ...manifest, dependencies: { ...manifest.dependencies, fastify: version } }
    assert.ok(
      lockfileFaults(lock, asked).some((fault) => fault.includes('not as one version')),
      version,
    )
  }
  assert.equal(lockfileFaults({ ...lock, lockfileVersion: 1 }, manifest).length, 1)
})

test('what is installed is what is locked: another version, or a package that nobody asked for, is noticed', async (t) => {
  const folder = await ownFolder(t)
  const install = async (path: string, version: string): Promise<void> => {
    await mkdir(join(folder, path), { recursive: true })
    await writeFile(join(folder, path, 'package.json'), JSON.stringify({ version }))
  }
  const packages = {
    'node_modules/a': { version: '1.0.0' },
    'node_modules/@s/b': { version: '2.0.0' },
    'node_modules/a/node_modules/c': { version: '3.0.0' },
    'node_modules/missing-and-optional': { version: '1.0.0' },
  }
  const small = { lockfileVersion: 3, packages }
  for (const [path, { version }] of Object.entries(packages).slice(0, 3)) await install(path, version)
  assert.deepEqual(await installedFaults(folder, small), [])
  await install('node_modules/a/node_modules/c', '3.0.1')
  await install('node_modules/@s/planted', '1.0.0')
  assert.deepEqual((await installedFaults(folder, small)).toSorted(), [
    'node_modules/@s/planted is installed and not locked: `npm ci` puts that right',
    'node_modules/a/node_modules/c is installed as 3.0.1, locked as 3.0.0',
  ])
})

test('no install script runs: neither where Pulse is built nor where it is tried', async () => {
  for (const file of ['deploy/Dockerfile', '.ci/run']) {
    const text = await readFile(join(root, file), 'utf8')
    for (const [line] of text.matchAll(/^.*\bnpm ci\b.*$/gm)) assert.match(line, /--ignore-scripts/, `${file}: ${line}`)
  }
})

test('processes run unprivileged: the image by a number that is not root’s, containers without any capability', async () => {
  const image = await readFile(join(root, 'deploy/Dockerfile'), 'utf8')
  const users = [...image.matchAll(/^USER (\S+)$/gm)].map(([, user = '']) => user)
  assert.ok(users.length > 0 && users.every((user) => /^[1-9]\d*:[1-9]\d*$/.test(user)), users.join())
  assert.ok(image.lastIndexOf('\nUSER ') < image.lastIndexOf('\nENTRYPOINT '), 'nothing runs before')
  const compose = await readFile(join(root, 'deploy/compose.yaml'), 'utf8')
  const ours = /^x-pulse: &pulse\n((?: {2}.*\n)+)/m.exec(compose)?.[1] ?? ''
  for (const line of ['read_only: true', 'cap_drop: [ALL]', "security_opt: ['no-new-privileges:true']"])
    assert.ok(ours.includes(line), line)
  assert.doesNotMatch(compose, /privileged: true|cap_add|network_mode: host|pid: host/)
})
