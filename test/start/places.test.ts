import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readRunFile } from '../../src/start/index.ts'
import { withPostgres } from '../kit/postgres.ts'
import { end, pulse } from '../kit/start.ts'
import { until } from '../kit/until.ts'
import { ownFolder } from '../kit/folder.ts'

test(
  "with a Postgres of one's own none is embedded; other commands find what runs beside them",
  { timeout: 90_000 },
  async (t) => {
    const { adminUrl, appUrl, sql } = await withPostgres({ after: (act) => after(act) })
    const dataDir = await ownFolder(t)
    await sql('admin').query('DROP SCHEMA public, iceberg_catalog, partitions CASCADE; CREATE SCHEMA public') // as empty as one that was just made
    const own = { PULSE_DATA_DIR: dataDir, PULSE_DATABASE_URL: appUrl }

    const unmigrated = pulse('start', own)
    assert.equal(await unmigrated.exit, 1)
    assert.match(
      unmigrated.output(),
      /has no Pulse tables yet: run "pulse migrate" with PULSE_ADMIN_DATABASE_URL first/,
    )

    const migrated = pulse('migrate', { ...own, PULSE_ADMIN_DATABASE_URL: adminUrl })
    assert.equal(await migrated.exit, 0, migrated.output())
    assert.match(migrated.output(), /^migrated 0001-tenants\nmigrated 0002-registry\n/)

    const system = pulse('start', own)
    t.after(() => end(system))
    await until(
      'the screen',
      () => {
        if (system.child.exitCode !== null) throw new Error(system.output())
        return system.output().includes('Ctrl-C drains')
      },
      40_000,
    )
    assert.match(system.output(), /Postgres +127\.0\.0\.1:\d+ \(PULSE_DATABASE_URL\)/)
    const run = await readRunFile(dataDir)
    assert.deepEqual(run?.processes.map((process) => process.name).toSorted(), ['api', 'bus', 'worker'])
    assert.ok(!existsSync(join(dataDir, 'postgres')) && !existsSync(join(dataDir, 'secrets.json')))

    const second = pulse('worker', own) // finds the bus in run.json
    await until(
      'two workers',
      async () =>
        (await sql('admin').query('SELECT FROM worker_members WHERE expires_at > clock_timestamp()')).length === 2,
      20_000,
    )
    assert.equal(await end(second), 0, second.output())
    assert.equal(await end(system), 0, system.output())
  },
)
