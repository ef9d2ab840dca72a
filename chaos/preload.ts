import { appendFileSync, existsSync, fstatSync, readFileSync, readdirSync, readlinkSync, unlinkSync } from 'node:fs'
import fs from 'node:fs'
import { registerHooks, syncBuiltinESMExports } from 'node:module'
import { subscribe } from 'node:diagnostics_channel'
import { join } from 'node:path'
import { CLOCK_FILE, STEP_FILE, SYNC_FAILS_FILE, SYNCS_FILE, TROUBLE_FILE, type SyncRecord } from './orders.ts'
import { troubleConnections } from './trouble.ts'

/**
 * Loaded before everything else into every process of a system under chaos (`node --import`): it writes down what was
 * synced to the disk or fails to sync it, troubles connections, dies at a step of the flush when ordered to, and puts the clock wrong. Orders are files in `CHAOS_ORDERS`.
 */
const orders = process.env['CHAOS_ORDERS']
const name = process.env['CHAOS_NAME'] ?? process.argv[2] ?? ''
/** The guarantee that is switched off (`--sabotage sync`): the bus believes that its data is on the disk. */
const isUnsynced = process.env['CHAOS_SABOTAGE'] === 'sync' && name === 'bus'

if (process.env['CHAOS_SABOTAGE'] === 'fence') believeOneself()
if (orders !== undefined) {
  recordSyncs(join(orders, SYNCS_FILE))
  troubleConnections(join(orders, `${TROUBLE_FILE}.${name}`))
  dieAtStep(join(orders, `${STEP_FILE}.${name}`))
  await shiftClock(join(orders, CLOCK_FILE))
}

/** A medium that says no, while the order stands: what was written may be there or not. */
function failOnOrder(): void {
  const path = join(orders ?? '', `${SYNC_FAILS_FILE}.${name}`)
  if (!existsSync(path)) return
  appendFileSync(`${path}.did`, '')
  throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO', errno: -5, syscall: 'fsync' })
}

/** Appends what each fsync made durable, once it has: a file as long as it was when the sync began, a folder with the names it had. */
function recordSyncs(path: string): void {
  const before = (fd: number): SyncRecord => {
    const of = fstatSync(fd)
    return of.isDirectory()
      ? { folder: folderOf(fd), names: readdirSync(folderOf(fd)) }
      : { file: `${of.dev}:${of.ino}`, size: of.size }
  }
  const folderOf = (fd: number): string => readlinkSync(`/proc/self/fd/${fd}`)
  const note = (record: SyncRecord): void => appendFileSync(path, `${JSON.stringify(record)}\n`)

  type Sync = (fd: number, done: (error: Error | null) => void) => void
  const noting =
    (real: Sync): Sync =>
    (fd, done) => {
      try {
        failOnOrder()
      } catch (error) {
        return void setImmediate(done, error as Error)
      }
      const record = before(fd)
      if (isUnsynced && 'file' in record) return void setImmediate(done, null)
      real(fd, (error) => {
        if (error === null) note(record)
        done(error)
      })
    }
  const notingAtOnce =
    (real: (fd: number) => void) =>
    (fd: number): void => {
      failOnOrder()
      const record = before(fd)
      if (isUnsynced && 'file' in record) return
      real(fd)
      note(record)
    }
  Object.assign(fs, {
    fsync: noting(fs.fsync as Sync),
    fdatasync: noting(fs.fdatasync as Sync),
    fsyncSync: notingAtOnce(fs.fsyncSync),
    fdatasyncSync: notingAtOnce(fs.fdatasyncSync),
  })
  syncBuiltinESMExports()
  void fs.promises.open('/dev/null').then(async (handle) => {
    const kind = Object.getPrototypeOf(handle) as { sync(): Promise<void>; datasync(): Promise<void> }
    for (const method of ['sync', 'datasync'] as const) {
      const real = kind[method]
      kind[method] = async function (this: { fd: number }) {
        failOnOrder()
        const record = before(this.fd)
        await real.call(this as never)
        note(record)
      }
    }
    await handle.close()
  })
}

/** The other half of `--sabotage fence`: a worker that knows itself that a partition is not its own any more offers the flush all the same. */
function believeOneself(): void {
  const knows = '.filter((source) => source.gone)'
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context)
      if (!url.endsWith('/src/ingest/commit.ts')) return loaded
      const text = String(loaded.source)
      if (text.split(knows).length !== 2) throw new Error(`${url} does not have "${knows}" once`)
      return { ...loaded, source: text.replace(knows, '.filter(() => false)') }
    },
  })
}

/** At the step that the order names, once: `kill -9` of itself, or a sleep until somebody wakes it. */
function dieAtStep(path: string): void {
  subscribe('pulse.flush.step', (step) => {
    if (!existsSync(path)) return
    const [at, signal = 'SIGKILL'] = readFileSync(path, 'utf8').split(' ')
    if (at !== step) return
    unlinkSync(path)
    process.kill(process.pid, signal as NodeJS.Signals)
  })
}

/** Every clock of the wall is wrong by as many milliseconds as the order says. */
async function shiftClock(path: string): Promise<void> {
  let shiftMs = 0
  setInterval(() => {
    try {
      shiftMs = Number(readFileSync(path, 'utf8'))
    } catch {
      shiftMs = 0
    }
  }, 200).unref()
  const real = Date.now
  const Wrong = class extends Date {
    constructor(...given: ConstructorParameters<typeof Date> | []) {
      if (given.length === 0) super(real() + shiftMs)
      else super(...(given as [number]))
    }
    static override now(): number {
      return real() + shiftMs
    }
  }
  globalThis.Date = Wrong as DateConstructor
}
