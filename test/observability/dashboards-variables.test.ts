import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isSlug } from '../../src/tenancy/index.ts'
import { parse } from '../kit/grammars.ts'
import { dashboards, fillIn, queriesOf, type Query } from '../kit/grafana.ts'
import { anySeed } from '../kit/seed.ts'

/** What somebody may type, or a link may carry, into a variable: a query stays the query that it was. */
const all = [...dashboards()]
const queries = all.flatMap(([slug, { model }]) => queriesOf(slug, model))
const asking = queries.filter(({ text }) => /\$\{(tenant|dataset)/.test(text))

const NASTY = [
  'acme.*',
  '.*',
  'a|b',
  '(',
  '[a-z',
  'a{2}',
  '^acme$',
  'a\\.b',
  '\\',
  '\\d+',
  '"',
  'a"} or vector(1) or x{y="',
  '`',
  "'",
  'a`b"c\'d\\',
  'two words',
  'new\nline',
  '%',
  '%22',
  '$tenant',
  '${tenant}',
  '$__rate_interval',
  '{{tenant}}',
  '_other',
  'Ünïcödé',
  '🦆',
  '\u0000',
  ' ',
  '',
  'x'.repeat(10_000),
]

/** The kinds of a query's nodes in their order: what it is, whatever its words are. */
const shape = (query: Query, tenant: string, dataset = tenant): string => {
  const { nodes, faults } = parse(query.language, fillIn(query.text, { tenant, dataset }))
  assert.deepEqual(faults, [], `${query.name}: ${JSON.stringify(tenant.slice(0, 40))}`)
  return nodes.map(({ name }) => name).join(' ')
}
const plain = new Map(asking.map((query) => [query, shape(query, 'acme', 'orders')]))

test('variables are asked with on the dashboards that have them', () => {
  assert.ok(asking.length > 30, `${asking.length} queries`)
  assert.deepEqual([...new Set(asking.map(({ language }) => language))].sort(), ['LogQL', 'PromQL', 'TraceQL'])
  for (const [slug, { model, text }] of all) {
    const declared = model.templating.list.map(({ name }) => name)
    const used = new Set([...text.matchAll(/\$\{?(tenant|dataset)\b/g)].map(([, name]) => name))
    assert.deepEqual([...used].sort(), [...declared].sort(), slug)
    for (const { name, multi, includeAll } of model.templating.list)
      assert.ok(!multi && !includeAll, `${slug}: ${name} is one value, and = asks for one`)
  }
})

test('with any text in a variable every query is the query that it was', () => {
  const few = asking.filter((query, position) => query.language !== 'PromQL' || position % 8 === 0)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (value) => {
      for (const query of few) assert.equal(shape(query, value), plain.get(query), query.name)
    }),
    {
      numRuns: NASTY.length + Number(process.env['TEST_RUNS'] ?? 60),
      examples: NASTY.map((value) => [value]),
      seed: anySeed(),
    },
  )
})

test('a tenant’s own name stands in a query as it is, and so do the names of those without one', () => {
  const slug = fc.stringMatching(/^[a-z][a-z0-9_-]{0,62}$/).filter(isSlug)
  const as = (value: string): string => fillIn('${tenant:percentencode}', { tenant: value })
  fc.assert(
    fc.property(slug, (value) => assert.equal(as(value), value)),
    { numRuns: Number(process.env['TEST_RUNS'] ?? 200), seed: anySeed() },
  )
  for (const value of ['_other', '_unknown', '_unmapped']) assert.equal(as(value), value)
})

test('every place where a variable stands in a query encodes it', () => {
  for (const { name, text } of asking)
    for (const [whole] of text.matchAll(/\$\{?(tenant|dataset)[^}"]*\}?/g))
      assert.match(whole, /:percentencode\}$/, name)
})
