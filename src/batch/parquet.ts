import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Problem } from '../problems/index.ts'
import type { ParquetQuestion } from './parquet-process.ts'

const PROGRAM = fileURLToPath(new URL('./parquet-process.ts', import.meta.url))
const MOST_SAID = 4_096

/**
 * The rows of a Parquet file as NDJSON, read by a process of its own, no faster than they are taken. Throws `malformed` where it
 * cannot be read, and what `signal` aborts with.
 */
export async function* parquetLines(question: ParquetQuestion, signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.throwIfAborted()
  // It knows nothing of this process's secrets.
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(question)], {
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < MOST_SAID) said += chunk.toString()
  })
  const ended = once(child, 'close')
  ended.catch(() => undefined)
  const end = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', end)
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) yield chunk
    const [code, how] = (await ended) as [number | null, string | null]
    signal.throwIfAborted()
    if (code !== 0) throw unreadable(said, how, question.path)
  } finally {
    signal.removeEventListener('abort', end)
    end()
  }
}

function unreadable(said: string, how: string | null, path: string): Problem {
  const sentence = /^\[?Error: (.+?)\]?$/m.exec(said)?.[1] ?? `its reader ended (${how ?? 'without a word'})`
  const shown = sentence.replaceAll(path, 'the file').slice(0, 300)
  return new Problem('malformed', `The Parquet file cannot be read: ${shown}. The rows before were taken.`)
}
