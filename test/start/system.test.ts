import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { readRunFile, type RunFile } from '../../src/start/index.ts'
import { identify } from '../../src/store/index.ts'
import { end, pulse, type Command } from '../kit/start.ts'
import { until } from '../kit/until.ts'

const NAMES = ['postgres', 'bus', 'api', 'worker', 'canary'] as const

// One life of one data folder, in order: each test goes on where the one before left it.
describe('pulse start', { timeout: 120_000 }, () => {
  let folder = ''
  let dataDir = ''
  let running: Command | undefined
  let run: RunFile | undefined
  let tenantId = ''
  const all: Command[] = []

  const begin = async (): Promise<number> => {
    const from = performance.now()
    const started = pulse('start', { PULSE_DATA_DIR: dataDir, PULSE_CANARY_SECONDS: '30' })
    running = started
    all.push(started)
    await until(
      'the screen',
      () => {
        if (started.child.exitCode !== null) throw new Error(started.output())
        return started.output().includes('Ctrl-C drains')
      },
      40_000,
    )
    run = await readRunFile(dataDir)
    return performance.now() - from
  }
  const of = (name: string) => {
    const found = run?.processes.find((process) => process.name === name)
    assert.ok(found, `${name} is in run.json`)
    return found
  }
  const api = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`http://127.0.0.1:${of('api').port}${path}`, { signal: AbortSignal.timeout(5_000), ...init })
  const everything = (): number[] =>
    run === undefined ? [] : [run.pid, ...run.processes.map((process) => process.pid)]

  after(async () => {
    for (const started of all) await end(started)
    // A killed supervisor's Postgres may still be writing its last words.
    await until('the folder to be gone', () => rm(folder, { recursive: true, force: true }).then(() => true), 20_000)
  })

  test('brings everything up on an empty folder, within the ten seconds it has', async () => {
    folder = await mkdtemp(join(tmpdir(), 'pulse-start-'))
    await chmod(folder, 0o755)
    dataDir = join(folder, 'data')
    const tookMs = await begin()
    assert.ok(tookMs < 10_000 * Number(process.env['TEST_SLOWNESS'] ?? 2), `${Math.round(tookMs)} ms`)
    assert.deepEqual(run?.processes.map((process) => process.name).toSorted(), NAMES.toSorted())
    assert.deepEqual(await (await api('/ready')).json(), {
      status: 'ready',
      checks: { postgres: true, kafka: true, minio: true },
    })
    assert.equal((await stat(join(dataDir, 'secrets.json'))).mode & 0o777, 0o600)
  })

  test('the curl on the screen makes a tenant when it is pasted', async () => {
    const command = /^ {2}(curl .*)$/m.exec(running?.output() ?? '')?.[1]
    assert.ok(command !== undefined, running?.output())
    // Read as a shell would: curl itself need not be on this machine.
    const parts = /^curl -X (POST) (\S+) -H '(content-type): ([^']+)' -d '([^']+)'$/.exec(command)
    assert.ok(parts !== null, command)
    const answer = await fetch(parts[2] ?? '', {
      method: 'POST',
      headers: { 'content-type': parts[4] ?? '' },
      body: parts[5] ?? '',
    })
    assert.equal(answer.status, 201)
    tenantId = ((await answer.json()) as { id: string }).id
  })

  for (const name of ['api', 'worker', 'bus', 'postgres'] as const) {
    test(`${name}, killed with -9, is started again on its port`, async () => {
      const before = of(name)
      process.kill(before.pid, 'SIGKILL')
      await until(
        `${name} to be back`,
        async () => {
          run = await readRunFile(dataDir)
          return run?.processes.some(
            (process) => process.name === name && process.pid !== before.pid && identify(process.pid) !== undefined,
          )
        },
        30_000,
      )
      assert.deepEqual(of(name).ports, before.ports)
      await until('readiness', async () => (await api('/ready')).ok, 20_000)
      assert.equal((await api(`/v1/tenants/${tenantId}`)).status, 200)
    })
  }

  test('a second start on the same folder is one sentence and exit code 1', async () => {
    const second = pulse('start', { PULSE_DATA_DIR: dataDir, PULSE_CANARY_SECONDS: '30' })
    all.push(second)
    assert.equal(await second.exit, 1)
    assert.match(second.output(), /Pulse already runs on .* \(process \d+\): stop that one, or set PULSE_DATA_DIR/)
  })

  test('a supervisor that is killed with -9 leaves nothing running', async () => {
    const pids = everything()
    running?.child.kill('SIGKILL')
    await until(
      'everything to have ended',
      () => {
        const left = pids.map(identify).filter((process) => process !== undefined)
        if (left.length > 0) throw new Error(JSON.stringify(left))
        return true
      },
      20_000,
    )
    assert.ok(existsSync(join(dataDir, 'run.json')), 'nobody was there to remove it')
  })

  test('the next start finds all data again, and Ctrl-C drains and stops everything in order', async () => {
    const tookMs = await begin()
    assert.ok(tookMs < 5_000 * Number(process.env['TEST_SLOWNESS'] ?? 2), `${Math.round(tookMs)} ms`)
    assert.equal((await api(`/v1/tenants/${tenantId}`)).status, 200)
    const pids = everything()
    running?.child.kill('SIGINT')
    assert.equal(await running?.exit, 0, running?.output())
    assert.match(running?.output() ?? '', /Draining …\nStopped\.\n$/)
    assert.deepEqual(
      pids.filter((pid) => identify(pid) !== undefined),
      [],
    )
    assert.ok(!existsSync(join(dataDir, 'run.json')))
    assert.ok(!existsSync(join(dataDir, 'lock')))
  })

  test('everything killed with -9 at once, the next start recovers', async () => {
    await begin()
    const pids = everything()
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await running?.exit
    await begin()
    assert.equal((await api(`/v1/tenants/${tenantId}`)).status, 200)
  })
})
