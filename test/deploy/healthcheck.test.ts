import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { inDeploy } from '../kit/deploy.ts'

/** What the image's healthcheck makes of an answer: its exit code and what it printed. */
async function check(url: string): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [inDeploy('healthcheck.mjs'), url], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, said }
}

test(
  'a container is well when it answers 2xx, and not when it answers worse, late or not at all',
  { timeout: 30_000 },
  async (t) => {
    const server = createServer((request, response) => {
      if (request.url === '/hangs') return
      response.statusCode = Number(request.url?.slice(1))
      response.end(request.url === '/200' ? 'healthy' : 'no partition yet')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    assert.deepEqual(await check(`${at}/200`), { code: 0, said: 'healthy' })
    assert.deepEqual(await check(`${at}/503`), { code: 1, said: 'no partition yet' })
    assert.equal((await check(`${at}/308`)).code, 1, 'a redirect is not an answer')
    const began = performance.now()
    assert.equal((await check(`${at}/hangs`)).code, 1)
    assert.ok(performance.now() - began < 15_000, 'it ends by itself')
    const { code, said } = await check('http://127.0.0.1:9/')
    assert.equal(code, 1)
    assert.match(said, /127\.0\.0\.1:9/)
  },
)
