import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadSettings } from '../../src/config/index.ts'
import { refuseTakenPorts } from '../../src/start/ports.ts'
import { freePort } from '../../src/store/index.ts'
import { ownFolder } from '../kit/folder.ts'

const ROOT = join(import.meta.dirname, '../..')
const FREE = {
  PULSE_API_PORT: '0',
  PULSE_WORKER_METRICS_PORT: '0',
  PULSE_WORKER_HEALTH_PORT: '0',
  PULSE_CANARY_PORT: '0',
}

/** What a start that cannot be says, as one sentence (the line before it names the folder), and its exit code. */
function refusal(
  env: Readonly<Record<string, string>>,
  command: readonly string[] = ['start'],
): { code: number | null; said: string[] } {
  const ran = spawnSync(process.execPath, [join(ROOT, 'bin/pulse.mjs'), ...command], {
    encoding: 'utf8',
    timeout: 30_000,
    env: { ...process.env, ...FREE, ...env },
  })
  const said = `${ran.stdout}${ran.stderr}`
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('Pulse starts on'))
  return { code: ran.status, said }
}

test('a taken port is named with its setting', async (t) => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  const { port } = server.address() as { port: number }
  const { code, said } = refusal({ PULSE_DATA_DIR: join(await ownFolder(t), 'data'), PULSE_API_PORT: String(port) })
  assert.equal(code, 1)
  assert.deepEqual(said, [
    `Port ${port} is taken by another program: stop that program, or set PULSE_API_PORT to a free port (0 = any).`,
  ])
})

test('so is one that two settings name; the canary asks for none while it does not run', async (t) => {
  const port = String(await freePort())
  const env = { PULSE_DATA_DIR: join(await ownFolder(t), 'data'), PULSE_API_PORT: port, PULSE_CANARY_PORT: port }
  assert.deepEqual(refusal(env).said, [
    `PULSE_API_PORT and PULSE_CANARY_PORT are both ${port}: give one of them another port (0 = any).`,
  ])
  await refuseTakenPorts(
    loadSettings({ ...env, PULSE_CANARY_SECONDS: '0', PULSE_WORKER_METRICS_PORT: '0', PULSE_WORKER_HEALTH_PORT: '0' }),
  )
})

test('a folder that cannot be written is named with PULSE_DATA_DIR', async (t) => {
  const file = join(await ownFolder(t), 'file')
  await writeFile(file, '')
  const { code, said } = refusal({ PULSE_DATA_DIR: join(file, 'data') })
  assert.equal(code, 1)
  assert.equal(said.length, 1)
  assert.match(
    said[0] ?? '',
    /^The data folder .*file\/data cannot be written \(.*\): set PULSE_DATA_DIR to a folder that can\.$/,
  )
})

test(
  'a folder below one that takes none is refused, and not tried for ever',
  { skip: process.platform !== 'linux' },
  () => {
    const { code, said } = refusal({ PULSE_DATA_DIR: '/proc/pulse/data' })
    assert.equal(code, 1)
    assert.match(
      said.join('\n'),
      /^The data folder \/proc\/pulse\/data cannot be written \(.*ENOENT.*\): set PULSE_DATA_DIR/,
    )
  },
)

test('a data folder of a newer Pulse is refused and left as it is', async (t) => {
  const dataDir = join(await ownFolder(t), 'data')
  await mkdir(dataDir)
  await writeFile(join(dataDir, 'version'), '99\n')
  const { code, said } = refusal({ PULSE_DATA_DIR: dataDir })
  assert.equal(code, 1)
  assert.match(
    said.join('\n'),
    /^The data folder .* is from a newer Pulse \(layout 99, this one knows 1\): start that version, or set PULSE_DATA_DIR to another folder\.$/,
  )
  assert.ok(!(await readdir(dataDir)).includes('postgres'))
})

test('an address that is not of this machine is named with PULSE_HOST', async (t) => {
  const { code, said } = refusal({
    PULSE_DATA_DIR: join(await ownFolder(t), 'data'),
    PULSE_HOST: '192.0.2.1',
    PULSE_API_PORT: '18123',
  })
  assert.equal(code, 1)
  assert.match(
    said.join('\n'),
    /^192\.0\.2\.1 cannot be listened on \(EADDRNOTAVAIL\): set PULSE_HOST to an address of this machine/,
  )
})

test('wrong settings are said all at once before anything is made', async (t) => {
  const dataDir = join(await ownFolder(t), 'data')
  const { code, said } = refusal({ PULSE_DATA_DIR: dataDir, PULSE_FLUSH_ROWS: 'x', PULSE_LOG_LEVEL: 'loud' })
  assert.equal(code, 1)
  assert.equal(said.length, 2, said.join('\n'))
})

test(
  'a folder that the unprivileged user cannot reach is named with PULSE_DATA_DIR',
  { skip: process.getuid?.() !== 0 && 'only root drops to another user' },
  async (t) => {
    const closed = await ownFolder(t) // it is made 0700
    const { code, said } = refusal({ PULSE_DATA_DIR: join(closed, 'data') })
    assert.equal(code, 1)
    assert.match(
      said.join('\n'),
      /^PostgreSQL does not run as root, and the user "\w+" cannot reach .*: set PULSE_DATA_DIR to a folder whose parents everybody may enter/,
    )
  },
)

test('the API and the worker alone say what they need where nothing runs', async (t) => {
  const dataDir = join(await ownFolder(t), 'data')
  for (const command of ['api', 'worker']) {
    const { code, said } = refusal({ PULSE_DATA_DIR: dataDir }, [command])
    assert.equal(code, 1)
    assert.match(
      said.join('\n'),
      /^PULSE_DATABASE_URL and PULSE_KAFKA_BROKERS are not set, and nothing runs on .*: set them, or run "pulse start" there first\.$/,
    )
  }
})

test('an old Node is told in one sentence, and the installed one is used where there is one', async (t) => {
  const folder = await ownFolder(t)
  await cp(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true })
  const old = join(folder, 'old.cjs')
  await writeFile(old, `Object.defineProperty(process.versions, 'node', { value: '18.20.4' })`)
  const bare = spawnSync(process.execPath, ['--require', old, join(folder, 'bin/pulse.mjs'), 'start'], {
    encoding: 'utf8',
  })
  assert.equal(bare.status, 1)
  assert.match(
    bare.stderr,
    /^Pulse needs Node 24\.11\.1 or newer, and this is 18\.20\.4: install a newer Node, or run "npm install" in .*\n$/,
  )
  const notInstalled = spawnSync(process.execPath, [join(folder, 'bin/pulse.mjs'), 'start'], { encoding: 'utf8' })
  assert.deepEqual(
    [notInstalled.status, /^Pulse is not installed yet: run "npm install" in .* first\.\n$/.test(notInstalled.stderr)],
    [1, true],
  )
})
