import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openObjectStore } from '../../src/lake/index.ts'
import { runDemo } from '../../src/start/demo.ts'
import { call } from '../kit/api.ts'
import { readLake } from '../kit/lake-reader.ts'
import { freePort } from '../../src/store/index.ts'
import { bootPulse } from '../kit/system.ts'

test(
  'the demo carries every earthquake through the running system, and a second run adds no row',
  { timeout: 120_000 },
  async () => {
    await using system = await bootPulse()
    const run = async (): Promise<string> => {
      let said = ''
      const code = await runDemo({
        apiUrl: system.baseUrl,
        metricsUrl: `http://127.0.0.1:${system.env['PULSE_WORKER_METRICS_PORT']}/metrics`,
        objects: openObjectStore({ warehouse: join(system.dataDir, 'warehouse') }),
        write: (text) => (said += text),
      })
      assert.equal(code, 0, said)
      return said
    }

    const first = await run()
    assert.match(first, /1,707 rows were added/)
    assert.match(
      first,
      /2018-02-07T01:26:13\.840000Z +2 +4km W of Castaic, CA/,
      'the newest earthquake leads the preview',
    )
    assert.match(first, /2018-02-06 +213 +6\.4 +22km NNE of Hualian, Taiwan/, 'DuckDB finds the strongest of a day')

    const second = await run()
    assert.match(second, /No row was added: all 1,707 events were rows already/)

    const { body } = await call(system.baseUrl, 'GET', '/v1/tenants?slug=earthquakes-demo')
    const [tenant] = body['items'] as { id: string }[]
    const { rows } = await readLake(
      system.baseUrl,
      tenant?.id ?? '',
      'earthquakes',
      'id, count(*) OVER ()::INTEGER AS total',
    )
    assert.equal(rows.length, 1_707)
    assert.equal(new Set(rows.map((row) => row['id'])).size, 1_707, 'each earthquake is one row')
  },
)

test('without a running system the demo says in one sentence what to do', async () => {
  let said = ''
  const port = await freePort()
  const code = await runDemo({
    apiUrl: `http://127.0.0.1:${port}`,
    metricsUrl: `http://127.0.0.1:${port}/metrics`,
    objects: openObjectStore({ warehouse: '.' }),
    write: (text) => (said += text),
  })
  assert.equal(code, 1)
  assert.equal(
    said,
    `Nothing answers at http://127.0.0.1:${port}. Start Pulse in another terminal with \`npm start\`, then run \`npm run demo\` again.\n`,
  )
})
