import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

/**
 * docs/reliability.md promises a test for every story of how others lose and double events. Whoever takes a story, a row or a
 * test away is told here.
 */
const root = resolve(import.meta.dirname, '..')
const page = await readFile(join(root, 'docs/reliability.md'), 'utf8')

const numbered = (letter: string, many: number): string[] =>
  Array.from({ length: many }, (_, index) => `${letter}${index + 1}`)
/** The stories that were told (P), and what was measured of other systems (M). */
const STORIES = [...numbered('P', 13), ...numbered('M', 11)]

const rows = [...page.matchAll(/^\| ([PM]\d+) \| (.+?) \| `([a-z0-9/-]+)` \|$/gm)].map(
  ([, story = '', title = '', file = '']) => ({ story, title, file }),
)

test('every story is told and has a row, and no row is of another story', () => {
  const section = page.split('## Where Pulse meets it')[0] ?? ''
  for (const story of STORIES) {
    assert.ok(section.includes(`- **${story}** `), `${story} is not told`)
    assert.ok(
      rows.some((row) => row.story === story),
      `${story} has no test`,
    )
  }
  assert.deepEqual(
    rows.filter(({ story }) => !STORIES.includes(story)),
    [],
  )
  const table = page.split('## What Pulse does not do')[0] ?? ''
  const lines = table.split('\n').filter((line) => line.startsWith('| ')).length
  assert.equal(rows.length, lines - 2, 'a line of the table that cannot be read')
})

test('every row names a test that is there and is run', async () => {
  const wrong: string[] = []
  for (const { story, title, file } of rows) {
    const path = join(root, 'test', `${file}.test.ts`)
    const text = existsSync(path) ? await readFile(path, 'utf8') : ''
    if (!namesOf(text).some((name) => isNamed(name, title))) wrong.push(`${story}: ${file} has no test "${title}"`)
    if (/\b(?:test|it|t\.test)\.(?:skip|todo|only)\b|\bskip: true\b/.test(text)) wrong.push(`${file} leaves tests out`)
  }
  assert.deepEqual(wrong, [])
  assert.ok(rows.length > 60)
})

/** The names of a file's tests, whether they stand behind `test(` or on a line of their own. */
const namesOf = (text: string): string[] =>
  [...text.matchAll(/\btest\(\s*(['`])((?:(?!\1).)*)\1,/g)].map(([, , name = '']) => name)

/** Whole; where the name begins with what differs from run to run, `…` stands for that. */
const isNamed = (name: string, title: string): boolean =>
  title.startsWith('… ') ? name.includes('${') && name.endsWith(title.slice(2)) : name === title

test('the campaigns say their seeds, and counted a thousand faults without loss or double', () => {
  const section = page.split('## Campaigns')[1] ?? ''
  assert.match(section, /seeds \d+ and \d+, \d+ runs/)
  const [, faults = '0'] = /\*\*([\d,]+) faults: 0 lost, 0 doubled\*\*/.exec(section) ?? []
  const told = Number(faults.replaceAll(',', ''))
  assert.ok(told >= 1_000, `${told} faults`)
  const counted = [...section.matchAll(/^\| .+ \| (\d+) \|$/gm)].reduce((sum, [, count]) => sum + Number(count), 0)
  assert.equal(counted, told)
})
