import assert from 'node:assert/strict'
import { test } from 'node:test'
import { typedAt } from '../kit/commands.ts'
import { listening } from '../kit/listening.ts'

const ANSWER = {
  items: [
    { slug: 'acme', name: 'Acme', status: 'active', id: '0193d5a8-7c00-7000-8000-000000000000', created_at: 'now' },
  ],
  next_cursor: null,
  definition: { type: 'object' },
  samples: 2,
  notes: [{ pointer: '/required', keyword: 'required', message: 'says little after two samples, so read it twice' }],
}

test('what goes to a terminal fits it, what goes into a file is a line each, and remarks fit the terminal beside it', async (t) => {
  const url = await listening(t, (_, response) => void response.end(JSON.stringify(ANSWER)))
  const pulse = (columns: Parameters<typeof typedAt>[0], ...words: string[]) =>
    typedAt(columns, { PULSE_URL: url }, ...words)
  assert.equal((await pulse({ stderr: 40 }, 'tenant', 'list')).out.split('\n').length, 3)
  const narrow = await pulse({ stdout: 40 }, 'tenant', 'list')
  assert.equal(narrow.out.split('\n')[0], 'slug        acme')
  const file = import.meta.filename
  const inferred = await pulse({ stderr: 60 }, 'schema', 'infer', file, '--type', 'json')
  assert.deepEqual(inferred.json(), { type: 'object' })
  assert.equal(
    inferred.err,
    [
      'From 2 samples.',
      'pointer    keyword   note',
      '/required  required  says little after two samples, so read',
      '                     it twice',
      '',
    ].join('\n'),
  )
})
