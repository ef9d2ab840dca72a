import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { check } from '../../chaos/checker.ts'

/** A checker that prints `says`, and its arguments to standard error. */
async function checkerThatSays(t: TestContext, says: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pulse-checker-'))
  t.after(() => rm(folder, { recursive: true }))
  const program = join(folder, 'checker.mjs')
  await writeFile(
    program,
    `console.error(process.argv.slice(2).join(' ')); process.stdout.write(${JSON.stringify(says)})`,
  )
  return `${process.execPath} ${program}`
}
const tables = { adminUrl: 'postgresql://a', env: {} }
const CHECKED = { severity: 'info', code: 'CHECKED', detail: '3 files' }

test('what a checker found is told by table and code; what it only mentions is not', async (t) => {
  const said = [
    { severity: 'info', code: 'ORPHAN', detail: 'a file' },
    { severity: 'error', code: 'COUNT', detail: '3, and not 4' },
    CHECKED,
  ]
  const found = await check(await checkerThatSays(t, JSON.stringify(said)), tables, 'pulse_a', 'events')
  assert.deepEqual(found, ['events is broken, COUNT: 3, and not 4'])
  assert.deepEqual(await check(await checkerThatSays(t, JSON.stringify([CHECKED])), tables, 'pulse_a', 'events'), [])
})

test('a checker that did not come to its end, or cannot be read, has not found the table whole', async (t) => {
  const [early] = await check(await checkerThatSays(t, '[]'), tables, 'pulse_a', 'events')
  assert.match(String(early), /did not come to the end of events/)
  const s3 = {
    PULSE_WAREHOUSE: 's3://b/p',
    PULSE_S3_ENDPOINT: 'http://s',
    PULSE_S3_ACCESS_KEY: 'k',
    PULSE_S3_SECRET_KEY: 'x',
  }
  const [silent] = await check(await checkerThatSays(t, ''), { ...tables, env: s3 }, 'pulse_a', 'events')
  assert.match(String(silent), /--namespace pulse_a --table events --s3-endpoint http:\/\/s --s3-key k --s3-secret x/)
})
