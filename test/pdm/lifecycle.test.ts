import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MOVES, nextStatus, STATUSES } from '../../src/pdm/index.ts'

test('every status and every move has its outcome, and the life only goes forward', () => {
  const table = STATUSES.map((status) => [status, ...MOVES.map((move) => nextStatus(status, move))])
  assert.deepEqual(table, [
    ['draft', 'published', 'archived', 'draft'],
    ['published', 'lifecycle_forward_only', 'archived', 'definition_frozen'],
    ['archived', 'lifecycle_forward_only', 'lifecycle_forward_only', 'definition_frozen'],
  ])
})
