import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Problem } from '../problems/index.ts'
import type { ParquetQuestion } from './parquet-sql.ts'

const PROGRAM = fileURLToPath(new URL('./parquet-process.ts', import.meta.url))
const MOST_SAID = 4_096
/** A reader that says nothing for so long while it is waited for is ended: a file may be made so that it never does. */
const SILENCE_MS = 120_000

/**
 * The rows of a Parquet file as NDJSON, read by a process of its own, no faster than they are taken. `check` is called with the
 * names of its columns first. Throws `malformed` where it cannot be read, what `check` throws, and what `signal` aborts with.
 */
export async function* parquetLines(
  question: ParquetQuestion,
  check: (names: readonly string[]) => void,
  signal: AbortSignal,
  silenceMs = SILENCE_MS,
): AsyncGenerator<Buffer> {
  signal.throwIfAborted()
  // It knows nothing of this process's secrets.
  const child = spawn(process.execPath, [PROGRAM], { env: {}, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => undefined) // one that is gone says so by its end
  child.stdin.end(JSON.stringify(question))
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < MOST_SAID) said += chunk.toString()
  })
  const ended = once(child, 'close')
  ended.catch(() => undefined)
  const end = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', end)
  try {
    yield* afterHead(heard(child.stdout, silenceMs, end), check)
    const [code, how] = (await ended) as [number | null, string | null]
    signal.throwIfAborted()
    if (code !== 0) throw unreadable(said, how, question.path)
  } finally {
    signal.removeEventListener('abort', end)
    end()
  }
}

/** What is said, chunk by chunk; `onSilence` is called where a next one does not come in time. */
async function* heard(output: Readable, silenceMs: number, onSilence: () => void): AsyncGenerator<Buffer> {
  const source = output.iterator() as AsyncIterator<Buffer>
  for (;;) {
    let isSilent = false
    const timer = setTimeout(() => {
      isSilent = true
      onSilence()
    }, silenceMs)
    const next = await source.next().finally(() => clearTimeout(timer))
    if (isSilent) throw unread(`its reader said nothing for ${silenceMs / 1000} s`)
    if (next.done === true) return
    yield next.value
  }
}

/** What follows the first line, which names the columns. */
async function* afterHead(
  output: AsyncIterable<Buffer>,
  check: (names: readonly string[]) => void,
): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0)
  for await (const chunk of output) {
    if (head === undefined) {
      yield chunk
      continue
    }
    head = Buffer.concat([head, chunk])
    const end = head.indexOf(0x0a)
    if (end < 0) continue
    check(JSON.parse(head.toString('utf8', 0, end)) as string[])
    if (end + 1 < head.length) yield head.subarray(end + 1)
    head = undefined
  }
}

const TOO_LARGE =
  'some thousands of its rows do not fit the memory that its reader may use, they have too many columns or are too large. Send it as NDJSON'

function unreadable(said: string, how: string | null, path: string): Problem {
  const sentence = /^\[?Error: (.+?)\]?$/m.exec(said)?.[1] ?? `its reader ended (${how ?? 'without a word'})`
  return unread(sentence.startsWith('Out of Memory') ? TOO_LARGE : sentence.replaceAll(path, 'the file').slice(0, 300))
}

const unread = (why: string): Problem =>
  new Problem('malformed', `The Parquet file cannot be read: ${why}. The rows before were taken.`)
