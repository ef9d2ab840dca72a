import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DraftField } from '../../src/lake/index.ts'
import { describe, NO_NOTES, type Notes } from '../../src/pdm/notes.ts'

const COLUMNS: readonly DraftField[] = [
  { name: 'user', required: true, type: 'string', doc: 'who looked' },
  { name: 'plain', required: false, type: 'long' },
  {
    name: 'place',
    required: false,
    type: {
      struct: [
        { name: 'city', required: false, type: 'string' },
        { name: 'at', required: false, type: 'date' },
      ],
    },
  },
  { name: 'tags', required: false, type: { list: 'string' } },
  { name: 'people', required: false, type: { list: { struct: [{ name: 'mail', required: false, type: 'string' }] } } },
  { name: 'counts', required: false, type: { map: { list: 'long' } } },
  { name: 'free', required: false, type: 'json' },
]

test('friendly name, description and labels make one doc, at the column that other engines read', () => {
  const notes: Notes = {
    labels: new Map([
      ['/user', ['pii', 'gdpr']],
      ['/place/city', ['pii']],
      ['/tags/*', ['free-text']],
      ['/people', ['guests']],
      ['/people/*/mail', ['pii']],
      ['/counts/*/*', ['counted']],
      ['/free/somewhere/deep', ['pii']],
    ]),
    names: new Map([
      ['/user', 'Visitor'],
      ['/plain', 'A number'],
      ['/place', 'Where'],
    ]),
  }
  const docs: Record<string, string | undefined> = {}
  const read = (columns: readonly DraftField[], at: string): void => {
    for (const { name, type, doc } of columns) {
      docs[`${at}${name}`] = doc
      if (typeof type === 'string') continue
      const inner = 'struct' in type ? type : 'list' in type ? type.list : type.map
      if (typeof inner !== 'string' && 'struct' in inner) read(inner.struct, `${at}${name}.`)
    }
  }
  read(describe(COLUMNS, notes), '')
  assert.deepEqual(docs, {
    user: 'Visitor: who looked [labels: gdpr, pii]',
    plain: 'A number',
    place: 'Where',
    'place.city': '[labels: pii]',
    'place.at': undefined,
    tags: '[labels: free-text]',
    people: '[labels: guests]',
    'people.mail': '[labels: pii]',
    counts: '[labels: counted]',
    free: '[labels: pii]',
  })
})

test('without notes the columns stay as they are', () => {
  assert.deepEqual(describe(COLUMNS, NO_NOTES), COLUMNS)
})
