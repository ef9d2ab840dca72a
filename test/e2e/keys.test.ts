import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bootPulse } from '../kit/system.ts'
import { until } from '../kit/until.ts'

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'pulse.mjs')

test('with PULSE_AUTH=keys the whole system runs: canary, doctor and demo show keys of their own, and no log has one', async () => {
  await using system = await bootPulse({ PULSE_AUTH: 'keys', PULSE_FLUSH_SECONDS: '0.3', PULSE_CANARY_SECONDS: '1' })
  const pulse = (...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [LAUNCHER, ...args], {
      env: { ...process.env, ...system.env },
      encoding: 'utf8',
      timeout: 120_000,
    })
    assert.equal(status, 0, `pulse ${args.join(' ')}: ${stdout}${stderr}`)
    return stdout
  }
  const nobody = await fetch(`${system.baseUrl}/v1/tenants`)
  assert.equal(nobody.status, 401)
  assert.match(pulse('doctor'), /All nine steps are well/)
  assert.match(pulse('demo'), /1,707 rows were added/)
  await until('the canary to be read back', async () => {
    const page = await (await fetch(`http://127.0.0.1:${system.env['PULSE_CANARY_PORT']}/metrics`)).text()
    return /pulse_canary_verified_total\{outcome="exactly_once"\} [1-9]/.test(page)
  })

  const keys = join(system.dataDir, 'keys')
  const logs = ['api', 'worker', 'canary'].map((name) =>
    readFileSync(join(system.dataDir, 'logs', `${name}.log`), 'utf8'),
  )
  for (const name of ['operator', 'canary', 'doctor']) {
    assert.equal(statSync(join(keys, name)).mode & 0o777, 0o600)
    const secret = readFileSync(join(keys, name), 'utf8').trim().slice(-64)
    for (const said of [...logs, system.output()]) assert.ok(!said.includes(secret), `the key of ${name} was said`)
  }
  const before = readFileSync(join(keys, 'operator'), 'utf8')
  await system.stop()
  await system.start()
  assert.equal(readFileSync(join(keys, 'operator'), 'utf8'), before, 'a second start leaves the keys as they are')
})
