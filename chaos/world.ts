import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, closeSync, cpSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { freePort } from '../src/store/index.ts'
import type { Owner } from '../test/kit/postgres.ts'
import { openProxy } from '../test/kit/proxy.ts'
import type { Chance } from '../test/kit/seed.ts'
import { withSmallDisk, type SmallDisk } from '../test/kit/small-disk.ts'
import { bootPulse, type System } from '../test/kit/system.ts'
import { until } from '../test/kit/until.ts'
import { CLOCK_FILE, STEP_FILE } from './orders.ts'
import { openRealPlaces, type RealPlaces } from './real.ts'

/** Something done to a world; resolves when it is over, `false` where it could not be done. */
export type Fault = (world: World, luck: Chance) => Promise<unknown>

/** What is harmed: `pulse start` with all that it brings, and a second worker, whose Postgres is behind a proxy. */
export interface World extends AsyncDisposable {
  readonly system: System
  readonly orders: string
  /** The lake's folder. */
  readonly warehouse: string
  readonly proxy: Awaited<ReturnType<typeof openProxy>>
  /** The lake's, where this process may mount one: it can be full. */
  readonly disk: SmallDisk | undefined
  /** The engines in place of what is embedded, if so ordered. */
  readonly real?: RealPlaces
  /** The second worker's process id, undefined while it is dead. */
  secondPid(): number | undefined
  /** Of both workers. */
  metricsUrls(): readonly string[]
  /** Kills and starts it, or starts it where it is dead. */
  restartSecond(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** Damage was found: logs and data stay where they are, for whoever looks into it. Answers where. */
  keep(): string
  /** Everything that should run runs, and nothing is held up any more. */
  heal(): Promise<void>
  /** An order for a process; undefined takes it back. */
  orderStep(process: 'worker' | 'second', step: string | undefined): void
  orderClock(shiftMs: number): void
}

const DISK_MIB = 512
const LAUNCHER = join(import.meta.dirname, '../bin/pulse.mjs')
const PRELOAD = pathToFileURL(join(import.meta.dirname, 'preload.ts')).href

export async function openWorld(
  options: { readonly sabotage?: string; readonly places?: 'embedded' | 'real' } = {},
): Promise<World> {
  await using opened = new AsyncDisposableStack()
  const owner: Owner = { after: (act) => void opened.defer(async () => act()) }
  const folder = mkdtempSync(join(tmpdir(), 'pulse-chaos-'))
  let isKept = false
  opened.defer(() => {
    if (!isKept) rmSync(folder, { recursive: true, force: true })
  })
  chmodSync(folder, 0o755)
  const orders = join(folder, 'orders')
  mkdirSync(orders, { mode: 0o777 })
  // Mounting needs root: without it the harness goes on without full disks, and says so in its last line.
  const disk = await withSmallDisk(owner, DISK_MIB).catch(() => undefined)
  const warehouse = join(disk?.folder ?? folder, 'lake')
  mkdirSync(warehouse)
  const harm = {
    CHAOS_ORDERS: orders,
    NODE_OPTIONS: `--import=${PRELOAD}`,
    NODE_NO_WARNINGS: '1',
    ...(options.sabotage === undefined ? {} : { CHAOS_SABOTAGE: options.sabotage }),
  }
  const real = options.places === 'real' ? await openRealPlaces(owner) : undefined
  const booted = opened.use(
    await bootPulse({
      ...harm,
      PULSE_WAREHOUSE: `file://${warehouse}`,
      // The same after every start: the second worker is told once.
      PULSE_POSTGRES_PORT: String(await freePort()),
      PULSE_BUS_PORT: String(await freePort()),
      PULSE_FLUSH_SECONDS: '0.3',
      PULSE_FLUSH_ROWS: '200',
      PULSE_FLUSH_MAX_ROWS: '400',
      PULSE_LEASE_SECONDS: '2',
      PULSE_TOPIC_PARTITIONS: '3',
      PULSE_READER_GRACE_SECONDS: '5',
      PULSE_SNAPSHOTS_KEEP: '5',
      PULSE_SNAPSHOT_SECONDS: '10',
      PULSE_DRAIN_SECONDS: '3',
      ...real?.env,
    }),
  )
  const system = real === undefined ? booted : real.around(booted)
  const proxy = await openProxy(owner, system.appUrl())
  const ports = [await freePort(), await freePort()] as const
  let second: ChildProcess | undefined
  const said = openSync(join(folder, 'second.log'), 'a')
  opened.defer(() => closeSync(said))
  opened.defer(() => void second?.kill('SIGKILL'))

  const isDead = (): boolean => second === undefined || second.exitCode !== null || second.signalCode !== null
  async function startSecond(): Promise<void> {
    second = spawn(process.execPath, [LAUNCHER, 'worker'], {
      env: {
        ...process.env,
        ...system.env,
        CHAOS_NAME: 'second',
        PULSE_DATABASE_URL: proxy.url,
        PULSE_KAFKA_BROKERS: `127.0.0.1:${system.port('bus')}`,
        // As the supervisor has it for its own worker.
        ...(real === undefined ? { PULSE_BUS_TRUSTED: 'true' } : {}),
        PULSE_DATA_DIR: join(folder, 'second'),
        PULSE_WORKER_METRICS_PORT: String(ports[0]),
        PULSE_WORKER_HEALTH_PORT: String(ports[1]),
      },
      stdio: ['ignore', said, said],
    })
    await until('the second worker to run', async () => {
      if (isDead()) throw new Error('it ended')
      return (await fetch(`http://127.0.0.1:${ports[1]}/livez`, { signal: AbortSignal.timeout(2_000) })).ok
    })
  }
  await startSecond()

  function orderStep(process: 'worker' | 'second', step: string | undefined): void {
    const path = join(orders, `${STEP_FILE}.${process}`)
    if (step === undefined) rmSync(path, { force: true })
    else writeFileSync(path, step)
  }
  const orderClock = (shiftMs: number): void =>
    shiftMs === 0
      ? rmSync(join(orders, CLOCK_FILE), { force: true })
      : writeFileSync(join(orders, CLOCK_FILE), String(shiftMs))

  async function restartSecond(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const dying = second
    if (dying !== undefined && !isDead()) {
      const gone = new Promise((resolve) => dying.once('exit', resolve))
      dying.kill(signal)
      const bound = setTimeout(() => dying.kill('SIGKILL'), 15_000)
      await gone
      clearTimeout(bound)
    }
    await startSecond()
  }

  const all = opened.move()
  return {
    system,
    orders,
    warehouse,
    proxy,
    disk,
    ...(real === undefined ? {} : { real }),
    secondPid: () => (isDead() ? undefined : second?.pid),
    metricsUrls: () =>
      [system.env['PULSE_WORKER_METRICS_PORT'], ports[0]].map((port) => `http://127.0.0.1:${port}/metrics`),
    restartSecond,
    orderStep,
    orderClock,
    keep() {
      isKept = true
      cpSync(join(system.dataDir, 'logs'), join(folder, 'logs'), { recursive: true })
      return folder
    },
    async heal() {
      await disk?.relieve()
      if (real !== undefined) real.s3.next = () => undefined
      proxy.away(false)
      proxy.swallow(false)
      orderClock(0)
      for (const process of ['worker', 'second'] as const) orderStep(process, undefined)
      if (isDead()) await startSecond()
      await until(
        'the system to be ready',
        async () => (await fetch(`${system.baseUrl}/ready`, { signal: AbortSignal.timeout(2_000) })).status === 200,
        60_000,
      )
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}
