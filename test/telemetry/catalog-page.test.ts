import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { METRICS, type MetricEntry } from '../../src/telemetry/index.ts'

const root = resolve(import.meta.dirname, '../..')
const page = await readFile(join(root, 'docs/reference/metrics.md'), 'utf8')
const catalogue = Object.entries<MetricEntry>(METRICS)

/** The page's rows as a reader sees them, by name. */
const rows = new Map(
  page
    .split('\n')
    .filter((line) => line.startsWith('| `pulse_'))
    .map((line) => {
      const [name = '', kind = '', labels = '', planes = '', dashboard = '', meaning = ''] = line
        .slice(2, -2)
        .split(' | ')
      return [name.replaceAll('`', ''), { kind, labels, planes, dashboard, meaning }] as const
    }),
)

test('the page has every metric of the catalogue and no other, each once', () => {
  assert.deepEqual([...rows.keys()].sort(), catalogue.map(([name]) => name).sort())
  assert.equal(page.split('\n').filter((line) => line.startsWith('| `pulse_')).length, catalogue.length)
})

test('what the page says of a metric is what the catalogue says: kind, labels with their values, planes, dashboard, help, edges, merge', () => {
  for (const [name, entry] of catalogue) {
    const row = rows.get(name)
    assert.ok(row !== undefined, name)
    assert.deepEqual(
      [row.kind, row.planes, row.dashboard],
      [entry.kind, entry.planes.join(', '), entry.dashboard],
      name,
    )
    const labels = [...row.labels.matchAll(/`([a-z_]+)`(?: \(([^)]*)\))?/g)].map(([, label = '', values]) => [
      label,
      values?.replaceAll('`', '').split(', '),
    ])
    assert.deepEqual(
      labels,
      Object.entries(entry.labels).map(([label, rule]) => [label, typeof rule === 'string' ? undefined : [...rule]]),
      name,
    )
    assert.ok(row.meaning.startsWith(entry.help), name)
    const edges = /Edges: ([^A-Za-z]*)\./.exec(row.meaning)?.[1]?.split(', ').map(Number)
    assert.deepEqual(edges, entry.buckets === undefined ? undefined : [...entry.buckets], name)
    assert.equal(row.meaning.includes('With exemplars.'), entry.exemplars === true, name)
  }
})

test('no page, and no file of the deployment, names a metric that does not exist', async () => {
  const known = new Set(
    catalogue.flatMap(([name, { kind }]) =>
      kind === 'histogram' ? ['', '_bucket', '_sum', '_count'].map((end) => name + end) : [name],
    ),
  )
  const stems = [...known].map((name) => name.replace(/_total$/, ''))
  const unknown: string[] = []
  for (const folder of ['docs', 'deploy']) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
    for (const entry of entries) {
      if (!entry.isFile() || !/\.(md|ya?ml|json)$/.test(entry.name)) continue
      const text = await readFile(join(entry.parentPath, entry.name), 'utf8')
      for (const [word] of text.matchAll(
        /(?<![:\w-])pulse_(?:api|worker|canary|telemetry|db|log|dependency|build|config|tenant|bus)_[a-z_]+(?![\w*])/g,
      )) {
        // `pulse_worker_` and the like stand for many; a recorded name has no `_total`.
        const isKnown =
          known.has(word) || stems.includes(word) || (word.endsWith('_') && stems.some((name) => name.startsWith(word)))
        if (!isKnown) unknown.push(`${entry.name}: ${word}`)
      }
    }
  }
  assert.deepEqual(unknown, [])
})
