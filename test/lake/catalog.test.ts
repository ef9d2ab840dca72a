import assert from 'node:assert/strict'
import { test } from 'node:test'
import { insertNamespace, insertTable, isLakeFault, movePointer, pointerOf, pointersOf } from '../../src/lake/index.ts'
import { withPostgres } from '../kit/postgres.ts'

test('a pointer is inserted, found, moved once from where it was, and never from elsewhere', async (t) => {
  const sql = (await withPostgres(t)).sql('admin')
  const namespace = `pulse_${'a'.repeat(32)}`
  await insertNamespace(sql, namespace, 'file:///lake')
  await insertNamespace(sql, namespace, 'file:///lake')
  assert.equal(await pointerOf(sql, namespace, 'page-views'), undefined)
  await insertTable(sql, { namespace, name: 'page-views', metadataLocation: 'v0' })
  assert.equal(await pointerOf(sql, namespace, 'page-views'), 'v0')
  const moves = await Promise.all(
    ['a', 'b', 'c'].map((to) => movePointer(sql, { namespace, name: 'page-views', from: 'v0', to })),
  )
  assert.equal(moves.filter((moved) => moved).length, 1)
  const [row] = await sql.query('SELECT * FROM iceberg_catalog.iceberg_tables')
  assert.deepEqual(row, {
    catalog_name: 'pulse',
    table_namespace: namespace,
    table_name: 'page-views',
    metadata_location: ['a', 'b', 'c'][moves.indexOf(true)],
    previous_metadata_location: 'v0',
    iceberg_type: 'TABLE',
  })
  await insertTable(sql, { namespace, name: 'orders', metadataLocation: 'o0' })
  const pointers = await pointersOf(sql, namespace, ['orders', 'none', 'page-views'])
  assert.deepEqual([...pointers.keys()].toSorted(), ['orders', 'page-views'])
  await assert.rejects(insertTable(sql, { namespace, name: 'orders', metadataLocation: 'x' }), { code: '23505' })
  await assert.rejects(insertTable(sql, { namespace, name: 'long', metadataLocation: 'x'.repeat(1001) }), (error) =>
    isLakeFault(error, 'store_refused'),
  )
})
