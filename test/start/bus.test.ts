import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFile, readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { freePort } from '../../src/store/index.ts'
import { ownFolder } from '../kit/folder.ts'
import { until } from '../kit/until.ts'

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'pulse.mjs')

/** Runs `pulse bus` until it listens, then stops it; answers the lines that it wrote to standard output. */
async function linesOfOneRun(t: TestContext, dataDir: string): Promise<Record<string, unknown>[]> {
  const port = await freePort()
  const child = spawn(process.execPath, [LAUNCHER, 'bus'], {
    env: { ...process.env, PULSE_DATA_DIR: dataDir, PULSE_BUS_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const journal = join(dataDir, 'bus')
  await until('the bus to have a journal', async () =>
    (await readdir(journal)).some((name) => name.endsWith('.journal')),
  )
  await until('the bus to listen', async () => {
    return new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGTERM')
  await ended
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('the embedded bus says what it found as one line like every other process', { timeout: 60_000 }, async (t) => {
  const dataDir = await ownFolder(t)
  assert.deepEqual(await linesOfOneRun(t, dataDir), [], 'nothing to say')
  const names = await readdir(join(dataDir, 'bus'))
  const newest = names
    .filter((name) => name.endsWith('.journal'))
    .sort()
    .at(-1)
  assert.ok(newest !== undefined, names.join(', '))
  await appendFile(join(dataDir, 'bus', newest), 'half a frame')
  const [line, ...more] = await linesOfOneRun(t, dataDir)
  assert.deepEqual(more, [])
  assert.deepEqual(
    [line?.['event'], line?.['level'], line?.['plane'], line?.['service']],
    ['bus.recovered', 'info', 'bus', 'pulse-bus'],
  )
  assert.match(String(line?.['msg']), /12 bytes of an unfinished write were cut/)
})
