import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { warehouseLocation } from '../../../src/lake/index.ts'

test('a warehouse setting becomes a location without a slash at its end', () => {
  assert.equal(warehouseLocation('s3://pulse/iceberg/'), 's3://pulse/iceberg')
  assert.equal(warehouseLocation('s3a://pulse/iceberg'), 's3://pulse/iceberg')
  assert.equal(warehouseLocation('/data/lake/'), 'file:///data/lake')
  assert.equal(warehouseLocation('file:///data/lake'), 'file:///data/lake')
  assert.equal(warehouseLocation('file:/data/lake'), 'file:///data/lake')
  assert.equal(warehouseLocation('lake'), `file://${join(process.cwd(), 'lake')}`)
})
