import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { openMetrics } from '../../src/telemetry/index.ts'
import { listenApi, UNMATCHED } from '../../src/telemetry/index.ts'
import { listenCanary } from '../../src/telemetry/listen-canary.ts'
import { crowd } from '../kit/crowd.ts'

/** `promtool check metrics`, Prometheus' own parser and its linter: silent where there is nothing to say. */
async function promtool(body: string): Promise<{ code: number; said: string }> {
  const child = spawn('promtool', ['check', 'metrics'], { timeout: 60_000 })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  child.stdin.end(body)
  const [code] = (await once(child, 'close')) as [number]
  return { code, said }
}

test('Prometheus’ own linter has nothing to say of a full scrape of any plane', async (t) => {
  for (const plane of ['api', 'worker', 'canary'] as const) {
    const metrics = openMetrics({ plane })
    if (plane === 'api') t.after(listenApi(metrics, ['/v1/collect', UNMATCHED]))
    if (plane === 'canary') t.after(listenCanary(metrics))
    if (plane === 'worker') crowd(t, metrics, { tenants: 100, datasets: 3 })
    metrics.read('pulse_config_info', () => [[{ hash: 'a"b\\c\nd' }, 1]])
    const { body } = await metrics.exposition('text/plain')
    assert.deepEqual(await promtool(body), { code: 0, said: '' }, plane)
  }
})

test('the linter is one that complains', async () => {
  const { code, said } = await promtool('# TYPE wrong counter\nwrong{a="b"} 1\n')
  assert.notEqual(code, 0)
  assert.match(said, /should have "_total" suffix/)
})
