import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { dashboard } from '../../observability/dashboards/dashboard.ts'
import { lines } from '../../observability/dashboards/charts.ts'
import { print } from '../../observability/dashboards/print.ts'
import { SLOS } from '../../observability/slos.ts'
import { SETTINGS } from '../../src/config/settings.ts'
import { DASHBOARDS, LOG } from '../../src/telemetry/index.ts'
import { dashboards, type Panel, type Place } from '../kit/grafana.ts'

/** What stands around the queries: people's words, places on the page, and what Grafana needs to load it. */
const all = dashboards()
const models = [...all].map(([slug, { model }]) => ({ slug, model }))
const isRow = ({ type }: Panel): boolean => type === 'row'
const panels = models.flatMap(({ slug, model }) =>
  model.panels
    .filter((panel) => !isRow(panel))
    .map((panel) => ({ slug, panel, name: `${slug} ${panel.id} ${panel.title}` })),
)

test('there are ten dashboards, each under its own fixed uid, read-only, and importable by nobody’s hand', () => {
  assert.deepEqual([...all.keys()].sort(), [...DASHBOARDS].sort())
  for (const [slug, { model, text }] of all) {
    assert.equal(model.uid, `pulse-${slug}`)
    assert.equal(model.schemaVersion, 42)
    assert.equal(model.editable, false)
    assert.ok(!('id' in model), `${slug}: Grafana gives the id`)
    assert.doesNotMatch(text, /__inputs|__requires|\$\{DS_|\$datasource/)
  }
})

/** Those that Grafana 13 has; `graph`, `singlestat`, `table-old` and others are gone. */
const TYPES = new Set<string>(['heatmap', 'logs', 'row', 'stat', 'table', 'timeseries'])
const SOURCES = new Set<string>(['pulse-prometheus', 'pulse-loki', 'pulse-tempo'])

test('every panel says what it asks, what is good, what to do else, in which unit, and where to go on', () => {
  assert.ok(panels.length > 130, `${panels.length} panels`)
  for (const { slug, panel, name } of panels) {
    assert.match(panel.title, /\?$/, `${name}: a title is a question`)
    const [good = '', otherwise = ''] = (panel.description ?? '').split('\n\n**If not:** ')
    assert.ok(good.length >= 4 && otherwise.length >= 15, `${name}: ${panel.description}`)
    assert.ok((panel.fieldConfig?.defaults.unit ?? '') !== '', `${name}: no unit`)
    const [link] = panel.links ?? []
    const to = /^\/d\/pulse-(\w+)\?\$\{__url_time_range\}&\$\{__all_variables\}$/.exec(link?.url ?? '')?.[1] ?? ''
    assert.ok(all.has(to) && to !== slug, `${name}: a link to ${link?.url}`)
  }
})

test('every panel is of a type that Grafana still has, and asks one datasource by its fixed uid', () => {
  for (const { panel, name } of panels) {
    assert.ok(TYPES.has(panel.type), `${name}: ${panel.type}`)
    assert.ok(SOURCES.has(panel.datasource?.uid ?? ''), `${name}: ${panel.datasource?.uid}`)
    assert.ok((panel.targets ?? []).length > 0, `${name} asks nothing`)
    for (const { datasource } of panel.targets ?? []) assert.deepEqual(datasource, panel.datasource, name)
  }
})

test('every dashboard can be reached from home, link by link', () => {
  const seen = new Set(['home'])
  for (const slug of seen)
    for (const { panel } of panels.filter((each) => each.slug === slug))
      for (const { url } of panel.links ?? []) seen.add(/^\/d\/pulse-(\w+)/.exec(url)?.[1] ?? '')
  assert.deepEqual([...seen].sort(), [...DASHBOARDS].sort())
})

test('ids are unique within a dashboard, and a panel’s id begins with its row’s', () => {
  for (const { slug, model } of models) {
    const ids = model.panels.map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length, `${slug}: ${ids.join(' ')}`)
    let row = 0
    for (const panel of model.panels) {
      if (isRow(panel)) row = panel.id
      assert.equal(Math.floor(panel.id / 10) * 10, row, `${slug} ${panel.id}`)
    }
  }
})

const overlap = (a: Place, b: Place): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

test('no panel covers another or sticks out of the page, and no line of a row is left half empty', () => {
  for (const { slug, model } of models) {
    for (const [position, { gridPos: place, title }] of model.panels.entries()) {
      assert.ok(place.x >= 0 && place.x + place.w <= 24 && place.w >= 2 && place.h >= 1, `${slug}: ${title}`)
      for (const other of model.panels.slice(position + 1))
        assert.ok(!overlap(place, other.gridPos), `${slug}: ${title} and ${other.title}`)
    }
    const filled = new Map<number, number>()
    for (const { gridPos } of model.panels)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) filled.set(y, (filled.get(y) ?? 0) + gridPos.w)
    for (const [y, width] of filled) assert.equal(width, 24, `${slug}: line ${y}`)
  }
})

test('a panel keeps its id when another is put before it', () => {
  const panel = (id: number) =>
    lines({ id, title: `${id}?`, good: 'a', otherwise: 'b', unit: 's', down: 'api', width: 8, asked: [{ expr: 'up' }] })
  const idsOf = (order: readonly number[]) =>
    dashboard({ slug: 'home', title: 't', description: 'd', rows: [{ id: 10, title: 'r', panels: order.map(panel) }] })
      .panels?.map(({ id, title }) => `${id} ${title}`)
      .sort()
  assert.deepEqual(idsOf([11, 12]), idsOf([12, 11]))
})

test('settings, log events and pages that a description names exist', () => {
  let named = 0
  for (const { name, panel } of panels) {
    const text = panel.description ?? ''
    for (const [setting] of text.matchAll(/\bPULSE_[A-Z_]+\b/g)) {
      assert.ok(setting in SETTINGS, `${name}: ${setting}`)
      named += 1
    }
    for (const [, event = ''] of text.matchAll(/event="([a-z_.]+)"/g)) {
      assert.ok(event in LOG, `${name}: ${event}`)
      named += 1
    }
    for (const [page] of text.matchAll(/\bdocs\/[\w/-]+\.md\b/g)) {
      assert.ok(existsSync(resolve(import.meta.dirname, '../..', page)), `${name}: ${page}`)
      named += 1
    }
  }
  assert.ok(named > 15, `${named} named`)
})

/** Where a promise is drawn as a line. */
const DRAWN: Readonly<Record<string, readonly string[]>> = {
  'collect-latency': ['api 21 How long does collect take?', 'collect 22 How long do slow ones wait?'],
  freshness: [
    'worker 21 How old is the oldest record that is not committed?',
    'freshness 21 Until how long ago is everything a row?',
    'home 31 Which datasets are furthest behind?',
  ],
  preview: ['api 24 How long do previews take?'],
}

test('the lines that are drawn are the thresholds that are promised', () => {
  for (const { slug, threshold } of SLOS) {
    if (threshold === undefined) continue
    for (const wanted of DRAWN[slug] ?? ['']) {
      const found = panels.find(({ name }) => name === wanted)
      assert.ok(found !== undefined, `${slug} is drawn on ${wanted}`)
      const drawn = JSON.stringify(found.panel.fieldConfig)
      assert.match(drawn, new RegExp(`"value":${threshold}[,}]`), wanted)
    }
  }
})

test('JSON for git says the same as JSON, in lines that can be read', () => {
  for (const [slug, { model, text }] of all) {
    assert.deepEqual(JSON.parse(print(model)), model)
    const long = text
      .split('\n')
      .filter((line) => line.length > 120 && !/"(description|expr|query|definition|noValue)": /.test(line))
    assert.deepEqual(long, [], slug)
  }
  assert.equal(print({ a: undefined, b: () => 1, c: null, d: [] }), '{ "c": null, "d": [] }')
})
