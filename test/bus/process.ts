import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BusUnderTest } from './contract.ts'

const PROGRAM = join(import.meta.dirname, 'process-main.ts')

interface BusProcess extends BusUnderTest {
  readonly dataDir: string
  pid(): number | undefined
  /** Null while it runs. */
  exitCode(): number | null
  /** What it said of itself that no client's words should make it say. */
  defects(): readonly string[]
  kill(): Promise<void>
  start(): Promise<void>
}

/** The embedded bus in a process of its own, which can be killed; it and its folder end with the test. */
export async function withBusProcess(
  t: { after(act: () => Promise<void>): void },
  options: { readonly segmentBytes?: number } = {},
): Promise<BusProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), 'pulse-bus-'))
  let child: ChildProcess | undefined
  let port = 0
  const defects: string[] = []

  async function start(): Promise<void> {
    const started = spawn(process.execPath, [PROGRAM, dataDir, String(port), String(options.segmentBytes ?? '')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = started
    started.stderr.setEncoding('utf8').on('data', (text: string) => {
      process.stderr.write(text)
      defects.push(...text.split('\n').filter((line) => line !== ''))
    })
    const lines = createInterface({ input: started.stdout })
    const ended = once(started, 'exit').then(([code]) =>
      Promise.reject(new Error(`the bus ended with ${String(code)}`)),
    )
    const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string]
    ended.catch(() => undefined)
    port = Number(line)
  }

  async function kill(): Promise<void> {
    const ended = child
    if (ended === undefined || ended.exitCode !== null || ended.signalCode !== null) return
    const gone = once(ended, 'exit')
    ended.kill('SIGKILL')
    await gone
  }

  t.after(async () => {
    await kill()
    await rm(dataDir, { recursive: true, force: true })
  })
  await start()
  return {
    broker: `127.0.0.1:${port}`,
    dataDir,
    pid: () => child?.pid,
    exitCode: () => child?.exitCode ?? null,
    defects: () => defects,
    kill,
    start,
    async restart() {
      await kill()
      await start()
    },
    async stop() {
      await kill()
      return start
    },
  }
}
