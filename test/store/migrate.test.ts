import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrate, migrationNames } from '../../src/store/index.ts'
import { withPostgres } from '../kit/postgres.ts'

test('migrating again runs nothing', async (t) => {
  const { adminUrl } = await withPostgres(t)
  assert.deepEqual(await migrate(adminUrl), [])
})

test('a database that a newer Pulse migrated is refused by name', async (t) => {
  const { adminUrl, sql } = await withPostgres(t)
  await sql('admin').query(`INSERT INTO pulse_migrations (name, run_on) VALUES ('9999-from-the-future', now())`)
  await assert.rejects(migrate(adminUrl), /newer Pulse.*9999-from-the-future/)
})

test('processes that migrate at once all succeed, and every migration ran once', async (t) => {
  const { adminUrl, sql } = await withPostgres(t)
  await sql('admin').query('CREATE DATABASE many_at_once')
  const url = Object.assign(new URL(adminUrl), { pathname: '/many_at_once' }).href
  const ran = await Promise.all([migrate(url), migrate(url), migrate(url)])
  assert.deepEqual(ran.flat().toSorted(), await migrationNames())
})
