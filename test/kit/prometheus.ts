import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/store/index.ts'
import type { Owner } from './postgres.ts'
import { until } from './until.ts'

/**
 * The real Prometheus and Alertmanager (Debian's `prometheus` and `prometheus-alertmanager`), each a process of its own on a free
 * port and a folder of its own, ended with the test by its process id. A missing program is an error that names it.
 */

interface Program {
  readonly url: string
  readonly port: number
}

export interface Prometheus extends Program {
  /** An instant query's samples; throws with Prometheus' own words where it refuses the query. */
  query(expr: string): Promise<readonly Sample[]>
}
interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

/** `config` is asked once, given where the rule files of `rules` (by name) will be, and the port that Prometheus will have. */
export async function startPrometheus(
  owner: Owner,
  options: {
    readonly config: (rules: readonly string[], port: number) => string
    readonly rules?: Readonly<Record<string, string>>
  },
): Promise<Prometheus> {
  const folder = await folderOf(owner, 'prometheus')
  await mkdir(join(folder, 'rules'))
  const paths: string[] = []
  for (const [name, text] of Object.entries(options.rules ?? {})) {
    const path = join(folder, 'rules', name)
    await writeFile(path, text)
    paths.push(path)
  }
  const config = join(folder, 'prometheus.yml')
  const port = await freePort()
  await writeFile(config, options.config(paths, port))
  const url = `http://127.0.0.1:${port}`
  await started(
    owner,
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--rules.alert.resend-delay=2s',
      '--log.level=warn',
    ],
    `${url}/-/ready`,
  )
  return {
    url,
    port,
    async query(expr) {
      const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expr)}`, {
        signal: AbortSignal.timeout(10_000),
      })
      const answer = (await response.json()) as {
        error?: string
        data?: { result: { metric: Record<string, string>; value: [number, string] }[] }
      }
      if (answer.data === undefined) throw new Error(`${expr}: ${answer.error ?? response.status}`)
      return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
  }
}

export async function startAlertmanager(owner: Owner, config: string): Promise<Program> {
  const folder = await folderOf(owner, 'alertmanager')
  const path = join(folder, 'alertmanager.yml')
  await writeFile(path, config)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  await started(
    owner,
    'prometheus-alertmanager',
    [
      `--config.file=${path}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      '--log.level=warn',
    ],
    `${url}/-/ready`,
  )
  return { url, port }
}

/** What Alertmanager tells its webhook of one alert. */
export interface Told {
  readonly status: 'firing' | 'resolved'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** When it came, on the monotonic clock. */
  readonly atMs: number
}

/** A webhook that keeps what it is told, in order. */
export async function startWebhook(owner: Owner): Promise<{ readonly url: string; readonly told: readonly Told[] }> {
  const told: Told[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => (body += part))
    request.on('end', () => {
      const { alerts } = JSON.parse(body) as { alerts: Omit<Told, 'atMs'>[] }
      told.push(...alerts.map((alert) => ({ ...alert, atMs: performance.now() })))
      response.writeHead(200).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  owner.after(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, told }
}

async function folderOf(owner: Owner, name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `pulse-${name}-`))
  owner.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function started(owner: Owner, program: string, args: readonly string[], ready: string): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  let missing: Error | undefined
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-20_000)))
  child.on('error', (error) => (missing = error))
  owner.after(() => ended(child))
  await until(`${program} to be ready`, async () => {
    if (missing !== undefined) return 'missing'
    if (child.exitCode !== null) return 'ended'
    return (await fetch(ready, { signal: AbortSignal.timeout(1_000) })).ok
  }).then((how) => {
    if (how === 'missing')
      throw new Error(`${program} cannot be started (${missing?.message}): install it, .ci/run says how`)
    if (how === 'ended') throw new Error(`${program} ended with ${child.exitCode}: ${said}`)
  })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const bound = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await gone
  clearTimeout(bound)
}
