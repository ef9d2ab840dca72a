import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { SYNC_FAILS_FILE, TROUBLE_FILE } from '../../chaos/orders.ts'
import type { Trouble } from '../../chaos/trouble.ts'
import { ownFolder } from '../kit/folder.ts'
import { until } from '../kit/until.ts'

const PRELOAD = pathToFileURL(join(import.meta.dirname, '../../chaos/preload.ts')).href
/** Answers how many requests it has taken, this one among them; the path decides whether it syncs a file first. */
const SERVER = `
const fs = require('node:fs'), http = require('node:http')
let taken = 0
const file = fs.openSync(process.argv[1], 'w')
const server = http.createServer((request, response) => {
  taken += 1
  const answer = (error) => response.end(JSON.stringify({ taken, failed: error?.code }))
  if (request.url === '/sync') fs.fdatasync(file, answer)
  else answer()
})
server.listen(0, '127.0.0.1', () => process.stdout.write(String(server.address().port)))
`

test('answers are lost after the work was done, torn, late or cut off with all connections, and syncs fail, as long as ordered', async (t) => {
  const folder = await ownFolder(t)
  const orders = join(folder, 'orders')
  await mkdir(orders)
  const child = spawn(process.execPath, [`--import=${PRELOAD}`, '-e', SERVER, join(folder, 'file')], {
    env: { ...process.env, CHAOS_ORDERS: orders, CHAOS_NAME: 'server' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  let port = ''
  child.stdout.on('data', (text: Buffer) => (port += text.toString()))
  await until('the server to listen', () => port !== '')
  const ask = async (path = '/') => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(10_000) })
    return (await answer.json()) as { taken: number; failed?: string }
  }
  const isRefused = (): Promise<boolean> =>
    ask().then(
      () => false,
      () => true,
    )
  const path = join(orders, `${TROUBLE_FILE}.server`)
  const order = (trouble: Omit<Trouble, 'seed'>) => writeFile(path, JSON.stringify({ seed: 1, ...trouble }))
  const before = (await ask()).taken

  let taken = before
  for (const trouble of [{ lost: 1 }, { torn: 1 }, { cut: 1 }] as const) {
    await order(trouble)
    await until(`trouble: ${JSON.stringify(trouble)}`, isRefused)
    await rm(path)
    await until('no trouble', async () => !(await isRefused()))
    const now = (await ask()).taken
    if (!('cut' in trouble)) assert.ok(now >= taken + 3, 'the request that was not answered was taken')
    taken = now
  }
  await order({ delayMs: 300 })
  await until('a late answer', async () => {
    const from = performance.now()
    await ask()
    return performance.now() - from > 100
  })
  await rm(path)

  assert.equal((await ask('/sync')).failed, undefined)
  await writeFile(join(orders, `${SYNC_FAILS_FILE}.server`), '')
  assert.equal((await ask('/sync')).failed, 'EIO')
  await rm(join(orders, `${SYNC_FAILS_FILE}.server`))
  assert.equal((await ask('/sync')).failed, undefined)
})
