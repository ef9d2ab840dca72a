import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const TESTS = join(import.meta.dirname, '..')
const DOCUMENT = join(TESTS, '..', 'docs', 'concepts', 'exactly-once.md')
const ROW = /^\| [^|]+ \| `([a-z0-9/-]+)` \| (.+) \|$/

test('every guarantee of exactly-once.md names a test that is there', () => {
  const rows = readFileSync(DOCUMENT, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, file, title] = ROW.exec(line) ?? []
      return file === undefined || title === undefined ? [] : [{ file, title }]
    })
  assert.ok(rows.length > 20)
  const gone = rows.filter(({ file, title }) => !readFileSync(join(TESTS, `${file}.test.ts`), 'utf8').includes(title))
  assert.deepEqual(gone, [])
})
