import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ownTempDir } from '../../src/worker/temp-dir.ts'
import { ownFolder } from '../kit/folder.ts'

test('what a worker that is gone has left is removed, what a living one has is not', async (t) => {
  const dir = await ownFolder(t)
  const gone = spawnSync(process.execPath, ['-e', '0']).pid
  for (const name of [`worker-${gone}`, `worker-${process.ppid}`, `worker-${process.pid}`, 'other']) {
    await mkdir(join(dir, name))
    await writeFile(join(dir, name, 'lines'), 'x')
  }
  const own = await ownTempDir(dir)
  assert.equal(own, join(dir, `worker-${process.pid}`))
  assert.equal(existsSync(join(own, 'lines')), false, 'our own pid was another process before')
  assert.equal(existsSync(join(dir, `worker-${gone}`)), false)
  assert.equal(existsSync(join(dir, `worker-${process.ppid}`, 'lines')), true)
  assert.equal(existsSync(join(dir, 'other', 'lines')), true)
})
