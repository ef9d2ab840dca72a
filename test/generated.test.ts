import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { announcementMembers, generateAll } from '../scripts/generate.ts'
import { LOG, METRICS } from '../src/telemetry/index.ts'

const root = resolve(import.meta.dirname, '..')
const files = await generateAll()

for (const { path, text } of files) {
  test(`${path} is what the source says`, async () => {
    assert.equal(await readFile(join(root, path), 'utf8'), text, 'run `npm run check -- --write`')
  })
}

test('the metrics page lists the catalogue, all of it and nothing else', () => {
  const page = files.find(({ path }) => path.endsWith('metrics.md'))?.text ?? ''
  assert.deepEqual(
    [...page.matchAll(/^\| `(pulse_\w+)`/gm)].map(([, name]) => name).sort(),
    Object.keys(METRICS).sort(),
  )
})

test('every announcement is declared, has its log line and stands on the page', async () => {
  const declared = announcementMembers(await readFile(join(root, 'src/telemetry/announce.ts'), 'utf8'))
  const page = files.find(({ path }) => path.endsWith('announcements.md'))?.text ?? ''
  assert.deepEqual([...declared.keys()].sort(), Object.keys(LOG).sort())
  assert.deepEqual(
    [...page.matchAll(/^\| `([a-z_.]+)` \|/gm)].map(([, name]) => name).sort(),
    [...declared.keys()].sort(),
  )
})
