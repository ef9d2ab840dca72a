import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { NODE_FLAGS } from '../../src/start/child.ts'
import { ownFolder } from '../kit/folder.ts'

const BIN = resolve(import.meta.dirname, '../../bin')

/** The launcher before a program that says how it was started. */
async function openLauncher(t: TestContext) {
  const folder = await ownFolder(t)
  await cp(BIN, join(folder, 'bin'), { recursive: true })
  await mkdir(join(folder, 'node_modules/commander'), { recursive: true })
  await mkdir(join(folder, 'src'))
  const main = `export const main = (argv: string[]) =>
    console.log(JSON.stringify({ pid: process.pid, flags: process.execArgv, given: argv.slice(2) }))`
  await writeFile(join(folder, 'src/main.ts'), main)
  return async (command: readonly string[], options: { node?: string[]; env?: object; ipc?: true } = {}) => {
    const child = spawn(process.execPath, [...(options.node ?? []), join(folder, 'bin/pulse.mjs'), ...command], {
      env: { PATH: process.env['PATH'], ...options.env },
      stdio: ['ignore', 'pipe', 'inherit', ...(options.ipc === true ? (['ipc'] as const) : [])],
    })
    const [said] = await Promise.all([text(child.stdout!), once(child, 'exit')])
    const { pid, ...rest } = JSON.parse(said) as { pid: number; flags: string[]; given: string[] }
    assert.equal(pid, child.pid, 'one process, so that a signal reaches it')
    return rest
  }
}

test('a role that is run alone has the flags that `pulse start` gives it, in the same process', async (t) => {
  const launch = await openLauncher(t)
  for (const [role, flags] of Object.entries(NODE_FLAGS))
    assert.deepEqual(await launch([role, '--x']), { flags: [...flags], given: [role, '--x'] })
  assert.deepEqual(await launch(['start']), { flags: [], given: ['start'] })
})

test('whoever sizes it himself, or holds a channel to it, is left alone', async (t) => {
  const launch = await openLauncher(t)
  const own = '--max-semi-space-size=64'
  assert.deepEqual((await launch(['api'], { node: [own] })).flags, [own])
  assert.deepEqual((await launch(['api'], { env: { NODE_OPTIONS: own } })).flags, [])
  assert.deepEqual((await launch(['api'], { ipc: true })).flags, [])
  const others = await launch(['api'], { node: ['--no-warnings'] })
  assert.deepEqual(others.flags, ['--no-warnings', ...NODE_FLAGS.api])
})
