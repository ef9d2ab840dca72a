import assert from 'node:assert/strict'
import { test } from 'node:test'
import { typed } from '../kit/commands.ts'
import { listening } from '../kit/listening.ts'

const ID = '0193d5a8-7c00-7000-8000-000000000000'
const ANSWER = {
  columns: { added: [], widened: [{ pointer: '/n', from: 'int', to: 'long' }], renamed: [], relaxed: [], dropped: [] },
  breaking: [],
  rows: { sampled: 3, passed: 1, failed: 2, unsure: 1 },
  dead_letters: { sampled: 1, passed: 1, failed: 0 },
  examples: [
    { of: 'row', event_id: 'a', errors: [{ pointer: '/data/n', message: 'must be string' }] },
    { of: 'row', event_id: 'b', unsure: true, errors: [{ pointer: '/data/at', message: 'must match' }] },
  ],
  complete: false,
}

test('of how many rows an impact check is not sure, and of which examples, is told; and where time was up', async (t) => {
  const url = await listening(t, (_, response) => void response.end(JSON.stringify(ANSWER)))
  const { out } = await typed({ PULSE_URL: url }, 'schema', 'impact', ID, '--dataset', 'events')
  assert.equal(
    out,
    [
      'column   pointer  type  becomes',
      'widened  /n       int   long',
      '',
      'Nothing would break.',
      '',
      'judged        sampled  pass  fail  unsure',
      'rows          3        1     2     1',
      'dead letters  1        1     0',
      '',
      'Unsure: what the table keeps does not tell in which of two ways the event was written.',
      '',
      'what        event_id  pointer   message',
      'row         a         /data/n   must be string',
      'row, maybe  b         /data/at  must match',
      '',
      'Time was up before all of them were judged: ask with a smaller --last.',
      '',
    ].join('\n'),
  )
})
