import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import {
  EmbeddedRefused,
  freePort,
  identify,
  migrate,
  openStore,
  probePort,
  startEmbedded,
} from '../../src/store/index.ts'
import { until } from '../kit/until.ts'

const passwords = { admin: 'admin-secret', app: 'app-secret' }

async function folderOf(t: TestContext): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'pulse-embedded-'))
  await chmod(dataDir, 0o755)
  t.after(() =>
    until('the folder to be gone', () => rm(dataDir, { recursive: true, force: true }).then(() => true), 10_000),
  )
  return dataDir
}

test("a cluster is made once and found again, on the port that is wanted; its files are nobody else's to read", async (t) => {
  const dataDir = await folderOf(t)
  const first = await startEmbedded({ dataDir, port: 0, passwords, durable: false })
  assert.equal(first.created, true)
  assert.match(identify(first.pid)?.command ?? '', /postgres -D .*pulse-embedded/)
  await first.stop()
  await first.stop() // safe to repeat
  assert.equal(identify(first.pid), undefined)
  const second = await startEmbedded({ dataDir, port: 0, wanted: first.port, passwords, durable: false })
  assert.deepEqual([second.created, second.port], [false, first.port])
  await second.stop()
})

test('a store outlives a restart of its Postgres: away while it is down, back on the same port', async (t) => {
  const dataDir = await folderOf(t)
  const first = await startEmbedded({ dataDir, port: 0, passwords, durable: false })
  await migrate(first.adminUrl, { appPassword: passwords.app })
  const said: string[] = []
  await using store = await openStore({
    url: first.appUrl,
    poolSize: 3,
    applicationName: 'pulse test',
    onAway: () => said.push('away'),
    onBack: () => said.push('back'),
  })
  await Promise.all([1, 2, 3].map(() => store.ping(1_000)))
  process.kill(first.pid, 'SIGKILL')
  await first.ended
  await assert.rejects(store.ping(1_000), { code: 'dependency_away' })
  await using second = await startEmbedded({ dataDir, port: first.port, passwords, durable: false })
  await Promise.all([1, 2, 3].map(() => store.ping(1_000)))
  assert.equal(second.port, first.port)
  assert.deepEqual(said, ['away', 'back'])
})

test('a postmaster.pid whose number now belongs to another process is no obstacle, and that process lives', async (t) => {
  const dataDir = await folderOf(t)
  await (await startEmbedded({ dataDir, port: 0, passwords, durable: false })).stop()
  const stranger = spawn('/bin/sleep', ['60'])
  t.after(() => stranger.kill('SIGKILL'))
  await writeFile(
    join(dataDir, 'postgres', 'postmaster.pid'),
    `${stranger.pid}\n${join(dataDir, 'postgres')}\n1\n1\n\n127.0.0.1\n`,
  )
  await (await startEmbedded({ dataDir, port: 0, passwords, durable: false })).stop()
  assert.notEqual(identify(stranger.pid ?? 0), undefined)
})

test('the server ends when the process that started it is killed with -9, and a throwaway one takes its folder along', async (t) => {
  const dataDir = await folderOf(t)
  const kit = join(import.meta.dirname, '../kit/postgres.ts')
  const script = `const { withPostgres } = await import(${JSON.stringify(kit)})
    const { sql } = await withPostgres({ after() {} })
    const [row] = await sql('admin').query("SELECT current_setting('data_directory') AS folder, (SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'checkpointer') AS pid")
    process.stdout.write(JSON.stringify(row)); setTimeout(() => {}, 60_000)`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: dataDir,
  })
  const { folder, pid } = JSON.parse(
    await new Promise<string>((resolve) => owner.stdout.once('data', (text: Buffer) => resolve(text.toString()))),
  ) as { folder: string; pid: number }
  assert.notEqual(identify(pid), undefined)
  owner.kill('SIGKILL')
  await until('the server to have ended', () => identify(pid) === undefined, 10_000)
  await until('its folder to be gone', () => !existsSync(folder), 10_000)
})

test("passwords that are not the folder's, and a port that is taken, are sentences", async (t) => {
  const dataDir = await folderOf(t)
  await (await startEmbedded({ dataDir, port: 0, passwords, durable: false })).stop()
  await assert.rejects(
    startEmbedded({ dataDir, port: 0, passwords: { ...passwords, admin: 'other' }, durable: false }),
    (error) =>
      error instanceof EmbeddedRefused && /passwords in .* are not those of the PostgreSQL in it/.test(error.message),
  )
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  const { port } = server.address() as { port: number }
  await assert.rejects(
    startEmbedded({ dataDir, port, passwords, durable: false }),
    (error) =>
      error instanceof EmbeddedRefused &&
      error.message.startsWith(`Port ${port} is taken, PostgreSQL cannot listen on it`),
  )
  assert.equal(await probePort(port), 'EADDRINUSE')
  assert.notEqual(await freePort('127.0.0.1', port), port)
})

test('an interrupted making of the cluster leaves nothing that counts', async (t) => {
  const dataDir = await folderOf(t)
  const script = `const { startEmbedded } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/store/index.ts'))})
    await startEmbedded({ dataDir: ${JSON.stringify(dataDir)}, port: 0, passwords: ${JSON.stringify(passwords)}, durable: false })`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  await until('initdb to be at it', () => existsSync(join(dataDir, `postgres.${owner.pid}`, 'base')), 10_000, 2)
  const ended = new Promise((resolve) => owner.once('exit', resolve))
  owner.kill('SIGKILL')
  await ended // a making whose process still lives is somebody else's
  const server = await startEmbedded({ dataDir, port: 0, passwords, durable: false })
  assert.equal(server.created, true)
  assert.deepEqual(await readdir(dataDir), ['postgres'])
  await server.stop()
  assert.match(await readFile(join(dataDir, 'postgres', 'PG_VERSION'), 'utf8'), /^18/)
})
