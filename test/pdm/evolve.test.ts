import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  assignIds,
  fieldsById,
  formerNames,
  promotes,
  type DraftField,
  type DraftType,
  type Field,
} from '../../src/lake/index.ts'
import { contentsOf, evolveColumns, membersOf, type Evolution, type Rename } from '../../src/pdm/index.ts'

const column = (name: string, type: DraftField['type'], more: Partial<DraftField> = {}): DraftField => ({
  name,
  type,
  required: false,
  ...more,
})
const TIME = column('timestamp', 'timestamptz', { required: true })

interface Table {
  readonly fields: readonly Field[]
  readonly lastColumnId: number
  readonly evolution: Evolution | undefined
}

/** The versions of a dataset one after the other, as the registry would bind them. */
function after(
  versions: readonly { readonly columns: readonly DraftField[]; readonly renames?: readonly Rename[] }[],
): Table & { readonly evolution: Evolution } {
  let table: Table | undefined
  const schemas: { type: 'struct'; 'schema-id': number; fields: readonly Field[] }[] = []
  const json = new Set<number>()
  let filled = new Set<number>()
  for (const { columns, renames } of versions) {
    if (table === undefined) {
      const { schema, lastColumnId, fields } = assignIds(columns)
      table = { fields: schema.fields, lastColumnId, evolution: undefined }
      schemas.push(schema)
      filled = contentsOf(fields).filled
      for (const id of contentsOf(fields).json) json.add(id)
      continue
    }
    const existing = { ...table, json, filled, formerNames: formerNames({ schemas }) }
    const evolution: Evolution = evolveColumns(existing, columns, renames)
    table = { fields: evolution.fields, lastColumnId: evolution.lastColumnId, evolution }
    schemas.push({ type: 'struct', 'schema-id': schemas.length, fields: evolution.fields })
    filled = contentsOf(evolution.sources).filled
    for (const id of contentsOf(evolution.sources).json) json.add(id)
  }
  return table as Table & { readonly evolution: Evolution }
}

const evolved = (before: readonly DraftField[], next: readonly DraftField[], renames: readonly Rename[] = []) =>
  after([{ columns: [TIME, ...before] }, { columns: [TIME, ...next], renames }])

const shown = ({ fields }: Pick<Table, 'fields'>) =>
  fields.map(({ id, name, required, type }) => `${id} ${name}${required ? '!' : ''} ${JSON.stringify(type)}`)

test('the same version again changes nothing', () => {
  const columns = [
    column('s', { struct: [column('x', 'string', { key: 'X' }), column('y', { list: 'json' })] }),
    column('m', { map: { struct: [column('q', 'decimal(10, 2)')] }, valueRequired: true }),
  ]
  const { evolution } = evolved(columns, columns)
  assert.equal(evolution.same, true)
  assert.deepEqual(evolution.breaking, [])
  assert.deepEqual(Object.values(evolution.changes).flat(), [])
  assert.deepEqual(evolution.sources, assignIds([TIME, ...columns]).fields)
})

test('a new column is optional, behind the others, and takes an id that was never used', () => {
  const table = evolved(
    [column('a', 'long')],
    [column('b', { list: 'string' }, { required: true }), column('a', 'long')],
  )
  assert.deepEqual(shown(table), [
    '1 timestamp! "timestamptz"',
    '2 a "long"',
    '3 b {"type":"list","element-id":4,"element":"string","element-required":false}',
  ])
  assert.deepEqual(table.evolution.changes.added, [{ pointer: '/b', field_id: 3, type: 'list<string>' }])
  assert.equal(table.lastColumnId, 4)
  assert.deepEqual(
    table.evolution.sources.map(({ fieldId, key }) => [fieldId, key]),
    [
      [1, 'timestamp'],
      [2, 'a'],
      [3, 'b'],
    ],
  )
})

test('what is new inside of structs, lists and maps is found at its place', () => {
  const table = evolved(
    [
      column('s', { struct: [column('x', 'int')] }),
      column('l', { list: { struct: [column('x', 'int')] }, elementRequired: true }),
      column('m', { map: { struct: [column('x', 'int', { required: true })] }, valueRequired: true }),
    ],
    [
      column('s', { struct: [column('x', 'long'), column('y', 'string')] }),
      column('l', { list: { struct: [column('x', 'int'), column('y', 'string', { required: true })] } }),
      column('m', { map: { struct: [column('x', 'int'), column('y', 'string')] } }),
    ],
  )
  const { changes, breaking } = table.evolution
  assert.deepEqual(breaking, [])
  assert.deepEqual(
    changes.added.map(({ pointer }) => pointer),
    ['/s/y', '/l/*/y', '/m/*/y'],
  )
  assert.deepEqual(changes.widened, [{ pointer: '/s/x', field_id: 5, from: 'int', to: 'long' }])
  assert.deepEqual(
    changes.relaxed.map(({ pointer }) => pointer),
    ['/l/*', '/m/*/x', '/m/*'],
  )
  const ids = [...fieldsById(table).keys()]
  assert.equal(new Set(ids).size, ids.length)
  assert.equal(Math.max(...ids), table.lastColumnId)
})

test('int, float and decimal widen; every other change of type is refused, and all reasons are told at once', () => {
  for (const [from, to] of [
    ['int', 'long'],
    ['float', 'double'],
    ['decimal(10, 2)', 'decimal(12, 2)'],
  ] as const) {
    const { changes, breaking } = evolved([column('a', from)], [column('a', to)]).evolution
    assert.deepEqual([changes.widened, breaking], [[{ pointer: '/a', field_id: 2, from, to }], []])
  }
  const refused: [DraftField['type'], DraftField['type']][] = [
    ['long', 'int'],
    ['long', 'double'],
    ['double', 'float'],
    ['long', 'string'],
    ['string', 'uuid'],
    ['timestamptz', 'date'],
    ['decimal(10, 2)', 'decimal(12, 3)'],
    ['decimal(10, 2)', 'decimal(8, 2)'],
    ['string', 'json'],
    ['json', 'string'],
    ['json', { struct: [column('x', 'int')] }],
    [{ struct: [column('x', 'int')] }, 'json'],
    ['int', { list: 'int' }],
    [{ list: 'int' }, 'int'],
    [{ list: 'int' }, { map: 'int' }],
    [{ list: 'long' }, { list: 'string' }],
    [{ list: 'string' }, { list: 'json' }],
    [{ map: 'long' }, { map: 'int' }],
    [{ struct: [column('x', 'long')] }, { struct: [column('x', 'int')] }],
  ]
  for (const [from, to] of refused) {
    const { breaking } = evolved([column('a', from)], [column('a', to)]).evolution
    assert.equal(breaking.length, 1, `${JSON.stringify(from)} to ${JSON.stringify(to)}`)
    assert.match(breaking[0]?.reason ?? '', /^the column holds .+, which cannot become /)
  }
  const all = evolved(
    refused.map(([from], at) => column(`c${at}`, from)),
    refused.map(([, to], at) => column(`c${at}`, to)),
  ).evolution.breaking
  assert.equal(all.length, refused.length)
})

test('what a version leaves out stays as a column that may be empty, and comes back as itself', () => {
  const [whole, without] = [[TIME, column('a', 'int', { required: true })], [TIME]]
  const dropped = after([{ columns: whole }, { columns: without }])
  assert.deepEqual(shown(dropped), ['1 timestamp! "timestamptz"', '2 a "int"'])
  assert.deepEqual(dropped.evolution.changes.dropped, [{ pointer: '/a', field_id: 2, type: 'int' }])
  assert.deepEqual(
    dropped.evolution.sources.map(({ fieldId }) => fieldId),
    [1],
  )
  const again = after([{ columns: whole }, { columns: without }, { columns: without }])
  assert.deepEqual(again.evolution.changes.dropped, [], 'what was dropped before is not dropped again')
  const back = after([{ columns: whole }, { columns: without }, { columns: [TIME, column('a', 'long')] }])
  assert.deepEqual(shown(back), ['1 timestamp! "timestamptz"', '2 a "long"'])
  const other = after([{ columns: whole }, { columns: without }, { columns: [TIME, column('a', 'string')] }])
  assert.deepEqual(other.evolution.breaking, [
    { pointer: '/a', reason: 'the column, kept from an earlier version, holds int, which cannot become string' },
  ])
  const text = after([
    { columns: [TIME, column('a', 'json')] },
    { columns: without },
    { columns: [TIME, column('a', 'string')] },
  ])
  assert.match(text.evolution.breaking[0]?.reason ?? '', /holds JSON text/)
  const folded = after([{ columns: whole }, { columns: [TIME, column('A', 'int')] }])
  assert.match(folded.evolution.breaking[0]?.reason ?? '', /keeps a column "a".*do not tell the two apart/)
})

test('a column that was required and need not be any more is relaxed, and never becomes required again', () => {
  const [strict, loose] = [
    [TIME, column('a', 'int', { required: true })],
    [TIME, column('a', 'int')],
  ]
  const relaxed = after([{ columns: strict }, { columns: loose }])
  assert.deepEqual(relaxed.evolution.changes.relaxed, [{ pointer: '/a', field_id: 2 }])
  const back = after([{ columns: strict }, { columns: loose }, { columns: strict }])
  assert.deepEqual(shown(back), ['1 timestamp! "timestamptz"', '2 a "int"'])
  assert.deepEqual([back.evolution.same, back.evolution.breaking], [true, []])
})

test('a name changes where a rename says so, at the top and inside, and the id stays', () => {
  const before = [
    column('a', 'int'),
    column('s', { struct: [column('x', 'int')] }),
    column('l', { list: { struct: [column('x', 'int')] } }),
  ]
  const next = [
    column('b', 'long'),
    column('t', { struct: [column('y', 'int')] }),
    column('l', { list: { struct: [column('z', 'int')] } }),
  ]
  const renames = [
    { from: '/a', to: '/b' },
    { from: '/s', to: '/t' },
    { from: '/s/x', to: '/t/y' },
    { from: '/l/*/x', to: '/l/*/z' },
  ]
  const table = evolved(before, next, renames)
  const { changes, breaking, sources } = table.evolution
  assert.deepEqual([breaking, changes.added, changes.dropped], [[], [], []])
  assert.deepEqual(
    changes.renamed.map(({ from, to, field_id }) => [from, to, field_id]),
    [
      ['/a', '/b', 2],
      ['/s', '/t', 3],
      ['/s/x', '/t/y', 5],
      ['/l/*/x', '/l/*/z', 7],
    ],
  )
  assert.deepEqual(changes.widened, [{ pointer: '/b', field_id: 2, from: 'int', to: 'long' }])
  assert.deepEqual(sources.slice(1, 3), [
    { fieldId: 2, key: 'b' },
    { fieldId: 3, key: 't', children: [{ fieldId: 5, key: 'y' }] },
  ])
  // Without a word about it the one is dropped and the other is new.
  const unsaid = evolved([column('a', 'int')], [column('b', 'int')]).evolution.changes
  assert.deepEqual([unsaid.added.length, unsaid.dropped.length, unsaid.renamed.length], [1, 1, 0])
  // What the version before renamed is renamed.
  const done = after([
    { columns: [TIME, column('a', 'int')] },
    { columns: [TIME, column('b', 'int')], renames: [{ from: '/a', to: '/b' }] },
    { columns: [TIME, column('b', 'int')], renames: [{ from: '/a', to: '/b' }] },
  ])
  assert.deepEqual([done.evolution.same, done.evolution.breaking], [true, []])
})

test('two columns may change their names with each other at the top, and a renamed one’s name is free there', () => {
  const swapped = evolved(
    [column('a', 'int'), column('b', 'string')],
    [column('a', 'string'), column('b', 'int')],
    [
      { from: '/a', to: '/b' },
      { from: '/b', to: '/a' },
    ],
  )
  assert.deepEqual(swapped.evolution.breaking, [])
  assert.deepEqual(shown(swapped).slice(1), ['2 b "int"', '3 a "string"'])
  const freed = evolved([column('a', 'int')], [column('b', 'int'), column('a', 'string')], [{ from: '/a', to: '/b' }])
  assert.deepEqual(freed.evolution.breaking, [])
  assert.deepEqual(shown(freed).slice(1), ['2 b "int"', '3 a "string"'])
})

test('a rename that cannot be is refused with the reason', () => {
  const why = (renames: Rename[], next = [column('b', 'int')], before = [column('a', 'int'), column('c', 'int')]) =>
    evolved(before, next, renames)
      .evolution.breaking.map(({ reason }) => reason)
      .join('; ')
  assert.match(why([{ from: '/none', to: '/b' }]), /no such column/)
  assert.match(why([{ from: '/a', to: '/none' }]), /does not have/)
  assert.match(why([{ from: '/s/a', to: '/b' }]), /no such column/)
  const both = [column('b', 'int'), column('d', 'int')]
  assert.match(
    why(
      [
        { from: '/a', to: '/b' },
        { from: '/a', to: '/d' },
      ],
      both,
    ),
    /^\/a is renamed to another place, too$/,
  )
  assert.match(
    why([
      { from: '/a', to: '/b' },
      { from: '/c', to: '/b' },
    ]),
    /two renames lead here, from \/a and from \/c/,
  )
  assert.match(why([{ from: '/a', to: '/c' }], [column('c', 'int')]), /has a column of this name/)
  assert.match(why([{ from: '/timestamp', to: '/b' }], [column('b', 'timestamptz')]), /partitioned/)
  assert.match(
    why([{ from: '/_source', to: '/b' }], [column('b', 'string')], [column('_source', 'string')]),
    /no such column/,
  )
})

test('inside of a struct no name means two members, ever', () => {
  const struct = (...members: DraftField[]) => ({ columns: [TIME, column('s', { struct: members })] })
  const reused = after([
    struct(column('x', 'int')),
    { ...struct(column('y', 'int')), renames: [{ from: '/s/x', to: '/s/y' }] },
    struct(column('y', 'int'), column('x', 'string')),
  ])
  assert.match(reused.evolution.breaking[0]?.reason ?? '', /was, another member's here \(now "y"\)/)
  assert.equal(reused.evolution.breaking[0]?.pointer, '/s/x')
})

test('a version that follows on an older one finds its members where that had them, whatever they are called meanwhile', () => {
  const first = assignIds([TIME, column('x', 'int'), column('s', { struct: [column('a', 'int'), column('b', 'int')] })])
  const base = { lastColumnId: first.lastColumnId, json: new Set<number>() }
  const renamed = evolveColumns(
    { ...base, fields: first.schema.fields, filled: contentsOf(first.fields).filled, formerNames: new Map() },
    [TIME, column('y', 'long'), column('t', { struct: [column('a2', 'int'), column('b', 'int')] })],
    [
      { from: '/x', to: '/y' },
      { from: '/s', to: '/t' },
      { from: '/s/a', to: '/t/a2' },
    ],
  )
  assert.deepEqual(renamed.breaking, [])
  const schemas = [first.schema, { ...first.schema, fields: renamed.fields }]
  const existing = {
    ...base,
    fields: renamed.fields,
    filled: contentsOf(renamed.sources).filled,
    formerNames: formerNames({ schemas }),
    members: membersOf(first.fields),
  }
  const next = [column('x', 'long'), column('s', { struct: [column('a', 'int'), column('b', 'int')] })]
  const back = evolveColumns(existing, [TIME, ...next, column('y', 'string')])
  assert.deepEqual([back.breaking, back.changes.dropped], [[], []])
  assert.deepEqual(
    back.changes.renamed.map(({ field_id, from, to }) => `${field_id} ${from} ${to}`),
    ['2 /y /x', '3 /t /s', '4 /s/a2 /s/a'],
  )
  assert.deepEqual(
    back.changes.added.map(({ pointer, field_id }) => `${field_id} ${pointer}`),
    ['6 /y'],
    'what is new takes no column for its name',
  )
  const again = evolveColumns(existing, [TIME, column('y', 'long')])
  assert.deepEqual([again.breaking, again.changes.added, again.changes.renamed], [[], [], []])
  assert.equal(again.sources[1]?.fieldId, 2, 'what only the later version had comes back as itself')
  const onward = evolveColumns(
    existing,
    [TIME, column('z', 'long'), column('s', { struct: [column('c', 'int'), column('b', 'int')] })],
    [
      { from: '/x', to: '/z' },
      { from: '/s/a', to: '/s/c' },
    ],
  )
  assert.deepEqual(onward.breaking, [])
  assert.deepEqual(
    onward.changes.renamed.map(({ field_id, from, to }) => `${field_id} ${from} ${to}`),
    ['2 /y /z', '3 /t /s', '4 /s/a2 /s/c'],
  )
})

/** Columns of any shape from few names and types, so that versions meet often, and break each other often, too. */
const anyColumns = fc.letrec<{ columns: DraftField[]; type: DraftType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom<DraftType>('int', 'long', 'float', 'double', 'string', 'json', 'decimal(9, 2)', 'decimal(12, 2)'),
    tie('columns').map((struct): DraftType => ({ struct })),
    fc.record({ list: tie('type'), elementRequired: fc.boolean() }),
    fc.record({ map: tie('type'), valueRequired: fc.boolean() }),
  ),
  columns: fc.uniqueArray(
    fc.record({ name: fc.constantFrom('a', 'b', 'c', 'B', 'd'), required: fc.boolean(), type: tie('type') }),
    { minLength: 1, maxLength: 4, selector: ({ name }) => name.toLowerCase() },
  ),
})).columns
const anyRenames = fc.array(
  fc.record({
    from: fc.constantFrom('/a', '/b', '/c', '/d', '/a/b', '/c/*/a', '/timestamp'),
    to: fc.constantFrom('/a', '/b', '/c', '/d', '/a/c', '/c/*/b'),
  }),
  { maxLength: 2 },
)

test('whatever versions follow each other, every id means one thing for ever, and every map leads to columns that are there', () => {
  const version = fc.record({ columns: anyColumns, renames: anyRenames, follows: fc.nat() })
  const versions = fc.array(version, { minLength: 2, maxLength: 6 })
  let taken = 0
  fc.assert(
    fc.property(versions, (given) => {
      const first = assignIds([TIME, ...(given[0]?.columns ?? [])])
      const schemas = [first.schema]
      const json = contentsOf(first.fields).json
      let table = { fields: first.schema.fields, lastColumnId: first.lastColumnId }
      let filled = contentsOf(first.fields).filled
      const maps = [first.fields]
      for (const { columns, renames, follows } of given.slice(1)) {
        const followed = maps[follows % maps.length] as (typeof maps)[number]
        const members = membersOf(followed)
        const existing = { ...table, json, filled, members, formerNames: formerNames({ schemas }) }
        const evolution = evolveColumns(existing, [TIME, ...columns], renames)
        // What would break is not bound.
        if (evolution.breaking.length > 0) continue
        taken += 1
        const [before, after] = [fieldsById(table), fieldsById(evolution)]
        for (const [id, { type }] of before) {
          const now = after.get(id)?.type
          assert.ok(now !== undefined, 'no column leaves')
          if (typeof type === 'string') assert.ok(typeof now === 'string' && promotes(type, now))
          else assert.equal(typeof now === 'string' ? now : now.type, type.type)
        }
        for (const id of after.keys()) assert.ok(before.has(id) || id > table.lastColumnId, 'no id is used again')
        assert.equal(evolution.lastColumnId, Math.max(table.lastColumnId, ...after.keys()))
        maps.push(evolution.sources)
        assert.equal(evolution.sources.length, columns.length + 1, 'no property is without a column')
        for (const { key, fieldId } of evolution.sources) {
          if (renames.some(({ from, to }) => `/${key}` === from || `/${key}` === to)) continue
          const was = followed.find((source) => source.key === key)
          assert.ok(was === undefined || was.fieldId === fieldId, 'a member is in the column of the version followed')
        }
        for (const map of maps)
          for (const id of contentsOf(map).filled) assert.ok(after.has(id), 'every version can still be written')
        for (const id of contentsOf(evolution.sources).json) assert.equal(after.get(id)?.type, 'string')
        assert.deepEqual(evolution.fields.find(({ name }) => name === 'timestamp')?.required, true)
        assert.equal(
          evolveColumns({ ...evolution, json, filled, formerNames: new Map() }, [TIME, ...columns]).same,
          true,
        )
        schemas.push({ type: 'struct', 'schema-id': schemas.length, fields: evolution.fields })
        filled = contentsOf(evolution.sources).filled
        for (const id of contentsOf(evolution.sources).json) json.add(id)
        table = evolution
      }
    }),
    { numRuns: Number(process.env['TEST_RUNS'] ?? 500) },
  )
  assert.ok(taken > 50, `only ${taken} versions could be bound`)
})
