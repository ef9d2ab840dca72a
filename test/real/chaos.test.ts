import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { SABOTAGES } from '../../chaos/sabotage.ts'

/** The harness is proved: with one guarantee switched off it has to find damage, and with all of them on none. */
const MAIN = resolve(import.meta.dirname, '../../chaos/main.ts')
const LONG = { timeout: 600_000 }

async function chaos(...args: string[]): Promise<{ code: number; last: string; out: string }> {
  const run = promisify(execFile)(process.execPath, [MAIN, ...args], { timeout: 570_000, maxBuffer: 1e8 })
  const { stdout, code } = await run.then(
    (said) => ({ ...said, code: 0 }),
    (error: { stdout: string; stderr: string; code: number }) => ({
      stdout: error.stdout + error.stderr,
      code: error.code,
    }),
  )
  return { code, last: stdout.trimEnd().split('\n').at(-1) ?? '', out: stdout }
}

/** One that hits what is switched off, so that damage is a matter of a few faults. */
const HITS = {
  ledger: 'api hangs',
  fence: 'worker sleeps beyond its lease',
  cas: 'kill -9 second worker',
  sync: 'power cut',
} as const

for (const guarantee of SABOTAGES) {
  test(`without the guarantee "${guarantee}" damage is found`, LONG, async () => {
    const args = ['--runs', '8', '--faults', '4', '--only', HITS[guarantee], '--sabotage', guarantee]
    const { code, last, out } = await chaos(...args)
    assert.equal(code, 1, out)
    assert.match(last, /^chaos: seed \d+, \d+ runs, \d+ faults, \d+ lost, \d+ doubled/)
    assert.doesNotMatch(last, / 0 lost, 0 doubled$/, out)
  })
}

test('a campaign that was interrupted goes on from its file, by its seed, and finds nothing', LONG, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'pulse-chaos-state-'))
  t.after(() => rm(folder, { recursive: true }))
  const state = join(folder, 'state.json')
  const first = await chaos('--runs', '1', '--faults', '2', '--seed', '7', '--state', state)
  assert.equal(first.code, 0, first.out)
  const second = await chaos('--runs', '2', '--faults', '2', '--state', state)
  assert.equal(second.code, 0, second.out)
  assert.match(second.out, /^chaos: seed 7, runs 2 to 2/)
  assert.match(second.last, /^chaos: seed 7, 2 runs, \d+ faults, 0 lost, 0 doubled$/)
  assert.equal((JSON.parse(await readFile(state, 'utf8')) as { sum: { runs: number } }).sum.runs, 2)
})

test('on Apache Kafka, PostgreSQL and S3, all of which fail, nothing is lost either', LONG, async () => {
  const { code, last, out } = await chaos('--places', 'real', '--runs', '1', '--faults', '5')
  assert.equal(code, 0, out)
  assert.match(last, /, 1 runs, \d+ faults, 0 lost, 0 doubled$/)
})
