import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSink, type FileCalls } from '../../src/telemetry/sink.ts'
import { until } from '../kit/until.ts'

/** A file that takes what `take` says of each write, later or now, and may refuse. */
function fakeFile(take: (text: Buffer) => number | string) {
  const written: Buffer[] = []
  const waiting: (() => void)[] = []
  const settle = (text: Buffer): number => {
    const verdict = take(text)
    if (typeof verdict === 'string') throw Object.assign(new Error(verdict), { code: verdict })
    written.push(text.subarray(0, verdict))
    return verdict
  }
  const file: FileCalls = {
    write(_fd, text, done) {
      waiting.push(() => {
        try {
          done(null, settle(text))
        } catch (error) {
          done(error as NodeJS.ErrnoException, 0)
        }
      })
    },
    writeSync: (_fd, text) => settle(text),
  }
  return { file, text: () => Buffer.concat(written).toString(), turn: () => waiting.shift()?.() }
}

test('lines that come while one is written go together, in order, however little each write takes', () => {
  const { file, text, turn } = fakeFile((given) => Math.min(3, given.length))
  const sink = openSink({ fd: 9, file })
  for (const line of ['one\n', 'twö\n', 'three\n']) sink.write(line)
  for (let round = 0; round < 20; round += 1) turn()
  assert.equal(text(), 'one\ntwö\nthree\n')
  assert.equal(sink.dropped, 0)
})

test('what is beyond the bound is dropped, counted, and said as soon as there is room', () => {
  const { file, text, turn } = fakeFile((given) => given.length)
  const sink = openSink({ fd: 9, file, maxHeld: 8, onDropped: (lines) => sink.write(`lost ${lines}\n`) })
  for (let line = 0; line < 10; line += 1) sink.write(`${line}..\n`)
  for (let round = 0; round < 5; round += 1) turn()
  assert.equal(sink.dropped, 7, 'one flies, two are held')
  assert.equal(text(), '0..\n1..\n2..\nlost 7\n', 'whoever hears of it may write a line about it')
})

test('what nobody reads is counted too, and whoever counts it may write without end following', () => {
  const lost: number[] = []
  const { file, turn } = fakeFile(() => 'EPIPE')
  const sink = openSink({
    fd: 9,
    file,
    onDropped: (lines) => {
      lost.push(lines)
      sink.write('a line about it\n')
    },
  })
  for (const line of ['a\n', 'b\n']) sink.write(line)
  turn()
  sink.write('c\n')
  assert.deepEqual(lost, [1, 1])
  assert.equal(sink.dropped, 2)
})

test('a full pipe is tried again, and a flush waits for it no longer than its bound', async () => {
  let full = true
  const { file, text, turn } = fakeFile((given) => (full ? 'EAGAIN' : given.length))
  const sink = openSink({ fd: 9, file, flushMs: 50 })
  sink.write('first\n')
  turn()
  full = false
  await until(
    'the line to be written',
    () => {
      turn()
      return text() === 'first\n'
    },
    5_000,
    5,
  )

  full = true
  sink.write('second\n')
  sink.write('third\n')
  const began = performance.now()
  sink.flushSync()
  assert.ok(performance.now() - began < 10_000)
})

test('where nobody reads any more everything ends at once and nothing throws', () => {
  const { file, turn } = fakeFile(() => 'EPIPE')
  const sink = openSink({ fd: 9, file })
  sink.write('a\n')
  sink.write('b\n')
  turn()
  sink.write('c\n')
  sink.flushSync()
  assert.equal(sink.dropped, 2)
})

test('a process whose log nobody reads can still end', { timeout: 20_000 }, async () => {
  const source = join(import.meta.dirname, '../../src/telemetry/sink.ts')
  const program = `
    import { openSink } from ${JSON.stringify(source)}
    const sink = openSink({ fd: 1 })
    process.stdin.once('data', () => {
      for (let line = 0; line < 1000; line += 1) sink.write('x'.repeat(1000) + '\\n')
      sink.flushSync()
      process.exit(7)
    })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdout.destroy()
  child.stdin.write('go\n')
  const code = await new Promise((resolve) => child.once('exit', resolve))
  assert.equal(code, 7)
})
