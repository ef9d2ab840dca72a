import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { endLeftovers, leftoversOf } from '../../src/start/leftovers.ts'
import type { RunFile } from '../../src/start/index.ts'
import { identify } from '../../src/store/index.ts'
import { until } from '../kit/until.ts'
import { ownFolder } from '../kit/folder.ts'

test('only a process of that number, that beginning and our own command line is ended, even when it does not listen', async (t) => {
  const folder = await ownFolder(t)
  const main = join(folder, 'main.ts')
  await writeFile(main, `process.on('SIGTERM', () => {}); process.stdout.write('up'); setInterval(() => {}, 1000)`)
  const begin = async (role: string) => {
    const child = spawn(process.execPath, [main, role], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
    t.after(() => child.kill('SIGKILL'))
    await new Promise((resolve) => child.stdout.once('data', resolve))
    return { pid: child.pid ?? 0, began: identify(child.pid ?? 0)?.began ?? '', port: 0, ports: {} }
  }
  const [worker, stranger, reused] = [await begin('worker'), await begin('something else'), await begin('bus')]
  const run: RunFile = {
    pid: 2 ** 30,
    began: '1',
    startedAt: '',
    processes: [
      { name: 'worker', ...worker },
      { name: 'api', ...stranger },
      { name: 'bus', ...reused, began: 'earlier' },
    ],
  }
  assert.deepEqual(
    leftoversOf(run).map((left) => left.name),
    ['worker'],
  )
  assert.deepEqual(await endLeftovers(run, 200), ['worker'])
  await until('the worker to be gone', () => identify(worker.pid) === undefined, 5_000)
  assert.ok(identify(stranger.pid) !== undefined && identify(reused.pid) !== undefined, 'the others live')
  assert.deepEqual(await endLeftovers(undefined), [])
})
