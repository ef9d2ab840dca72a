import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { checkDefinition, columnsOf, compose, requireTimestamp, SYSTEM_CLASSES } from '../../src/pdm/index.ts'

test('the migration seeds exactly the system classes', async () => {
  const sql = await readFile(new URL('../../src/store/migrations/0002-registry.sql', import.meta.url), 'utf8')
  for (const { uri, title, definition } of SYSTEM_CLASSES) {
    assert.ok(sql.includes(`'${uri}'`) && sql.includes(`'${title}'`), uri)
    assert.ok(sql.includes(`'${JSON.stringify(definition)}'`), JSON.stringify(definition))
  }
})

test('the system classes are valid, and an interaction event can be a dataset by itself', () => {
  for (const { definition } of SYSTEM_CLASSES) checkDefinition('class', definition)
  const event = SYSTEM_CLASSES.find((one) => one.uri.endsWith('interaction-event'))
  const composed = compose({ definition: {}, class: event, fieldGroups: [], resolve: () => undefined })
  requireTimestamp(composed)
  assert.deepEqual(columnsOf(composed).columns, [{ name: 'timestamp', required: true, type: 'timestamptz' }])
})
