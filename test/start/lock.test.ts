import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockDataDir } from '../../src/start/lock.ts'
import { identify } from '../../src/store/index.ts'
import { ownFolder } from '../kit/folder.ts'

test('a folder is locked once, and again when it was given back, with no file left over', async (t) => {
  const folder = await ownFolder(t)
  const unlock = await lockDataDir(folder)
  await assert.rejects(lockDataDir(folder), new RegExp(`already runs on .* \\(process ${process.pid}\\)`))
  await unlock()
  await (
    await lockDataDir(folder)
  )()
  assert.deepEqual(await readdir(folder), [])
})

test('the lock of a process that is gone is taken over, also when its number now belongs to another', async (t) => {
  const folder = await ownFolder(t)
  for (const stale of [
    '',
    'not json',
    JSON.stringify({ pid: 2 ** 30, began: '1' }),
    JSON.stringify({ pid: process.pid, began: 'earlier' }),
  ]) {
    await writeFile(join(folder, 'lock'), stale)
    await (
      await lockDataDir(folder)
    )()
  }
  assert.deepEqual(await readdir(folder), [])
})

test('of many that want a stale lock at once exactly one gets it', async (t) => {
  const folder = await ownFolder(t)
  await writeFile(join(folder, 'lock'), JSON.stringify({ pid: 2 ** 30, began: '1' }))
  const module = join(import.meta.dirname, '../../src/start/lock.ts')
  const script = `const { lockDataDir } = await import(${JSON.stringify(module)})
    try { await lockDataDir(${JSON.stringify(folder)}); process.stdout.write('got it'); setTimeout(() => {}, 60_000) } catch (error) { process.stdout.write(error.name) }`
  const rivals = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  t.after(() => rivals.forEach((rival) => rival.kill('SIGKILL')))
  const said = await Promise.all(
    rivals.map(
      (rival) =>
        new Promise<string>((resolve) => rival.stdout.once('data', (text: Buffer) => resolve(text.toString()))),
    ),
  )
  assert.deepEqual(said.toSorted(), [...Array.from({ length: 5 }, () => 'StartRefused'), 'got it'])
})

test('a process is told from a later one of the same number, and a zombie is no process', async () => {
  const child = spawn('/bin/sleep', ['60'])
  const identity = identify(child.pid ?? 0)
  assert.match(identity?.command ?? '', /sleep 60/)
  assert.equal(identify(child.pid ?? 0)?.began, identity?.began)
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('close', resolve))
  assert.equal(identify(child.pid ?? 0), undefined)
  assert.equal(identify(-1), undefined)
})
