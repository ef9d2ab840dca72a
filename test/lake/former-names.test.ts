import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assignIds, formerNames, type DraftField } from '../../src/lake/index.ts'
import { evolveColumns } from '../../src/pdm/index.ts'
import { DAY, ENVELOPE, column, job, openBench, openWriter, readFiles } from './workbench.ts'

test('members of structs that were renamed, at any depth and more than once, are read from files of every age', async (t) => {
  const bench = await openBench(t)
  const writer = await openWriter(t, bench)
  const versions: { columns: DraftField[]; renames: { from: string; to: string }[]; line: object }[] = [
    {
      columns: [
        column('s', { struct: [column('a', 'int'), column('in', { struct: [column('x', 'int')] })] }),
        column('l', { list: { struct: [column('a', 'int')] } }),
        column('m', { map: { struct: [column('a', 'int')] } }),
      ],
      renames: [],
      line: { s: { a: 1, in: { x: 1 } }, l: [{ a: 1 }, null], m: { k: { a: 1 } } },
    },
    {
      columns: [
        column('s', { struct: [column('b', 'int'), column('within', { struct: [column('y', 'long')] })] }),
        column('l', { list: { struct: [column('b', 'int')] } }),
        column('m', { map: { struct: [column('b', 'int')] } }),
      ],
      renames: [
        { from: '/s/a', to: '/s/b' },
        { from: '/s/in', to: '/s/within' },
        { from: '/s/in/x', to: '/s/within/y' },
        { from: '/l/*/a', to: '/l/*/b' },
        { from: '/m/*/a', to: '/m/*/b' },
      ],
      line: { s: { b: 2, within: { y: 2 ** 40 } }, l: [{ b: 2 }], m: { k: { b: 2 } } },
    },
    {
      columns: [
        column('s', { struct: [column('c', 'long'), column('within', { struct: [column('y', 'long')] })] }),
        column('l', { list: { struct: [column('b', 'int')] } }),
        column('m', { map: { struct: [column('b', 'int')] } }),
      ],
      renames: [{ from: '/s/b', to: '/s/c' }],
      line: { s: { c: 3 }, m: null },
    },
  ]
  const schemas = []
  const files = []
  let existing = { fields: bench.schema.fields, lastColumnId: 2 }
  for (const [at, { columns, renames, line }] of versions.entries()) {
    const none = { json: new Set<number>(), filled: new Set<number>(), formerNames: formerNames({ schemas }) }
    const evolution = evolveColumns({ ...existing, ...none }, [...ENVELOPE, DAY, ...columns], renames)
    assert.deepEqual(evolution.breaking, [])
    existing = evolution
    const schema = { type: 'struct' as const, 'schema-id': at, fields: evolution.fields }
    schemas.push(schema)
    const shape = { envelope: evolution.sources.slice(0, 1), under: ['e'], fields: evolution.sources.slice(1) }
    const text = Buffer.from(`${JSON.stringify({ id: at, e: { timestamp: '2026-01-01T12:00:00Z', ...line } })}\n`)
    files.push(...(await writer.write({ ...job(bench, [text]), schema, shape })))
  }
  const names = formerNames({ schemas })
  assert.deepEqual([...names.values()].map((known) => known.join()).toSorted(), [
    'a,b',
    'a,b',
    'a,b,c',
    'in,within',
    'x,y',
  ])
  const rows = await readFiles(bench, schemas.at(-1)!, files, '*', names)
  assert.deepEqual(
    rows.map(({ s, l, m }) => ({ s, l, m })),
    [
      { s: { c: '1', within: { y: '1' } }, l: [{ b: 1 }, null], m: [{ key: 'k', value: { b: 1 } }] },
      { s: { c: '2', within: { y: String(2 ** 40) } }, l: [{ b: 2 }], m: [{ key: 'k', value: { b: 2 } }] },
      { s: { c: '3', within: null }, l: null, m: null },
    ],
  )
})

test('a table that never changed has no former names', () => {
  const { schema } = assignIds([column('s', { struct: [column('a', 'int')] })])
  assert.equal(formerNames({ schemas: [schema] }).size, 0)
})
