import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { foreignPython } from '../interop/python.ts'
import { call } from '../kit/api.ts'
import { anySeed } from '../kit/seed.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'
import { makeWorld, type World } from './schemathesis/world.ts'

/**
 * Schemathesis reads the OpenAPI document of a running system and sends what it allows and what it does not, at
 * least ten thousand requests; each answer is held to the document. Its checks that are left out, with the reason:
 */
const NOT_ASKED = {
  positive_data_acceptance: 'a schema cannot say which cursors, columns, states or datasets there are',
  use_after_free: 'DELETE archives, and what is archived can be read on',
  ignored_auth: 'a request that names no tenant is 400 by contract; keys have tests of their own',
}
const REQUESTS = 10_000
const here = join(import.meta.dirname, 'schemathesis')

interface Report {
  requests: number
  readonly statuses: Map<number, number>
  /** Operations that answered at least one request with success. */
  readonly succeeded: Set<string>
  readonly operations: Set<string>
}

test('ten thousand requests by the OpenAPI document: none answered with 500, all within the contract, nothing lost', async (t) => {
  const seed = anySeed() % 1_000_000
  t.diagnostic(`seed ${seed}`)
  const python = await foreignPython(join(here, 'requirements.txt'))
  const folder = mkdtempSync(join(tmpdir(), 'pulse-schemathesis-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using system = await bootPulse()
  const { baseUrl } = system
  const members = await Promise.all(
    (['postgres', 'bus', 'api', 'worker'] as const).map(
      async (name) => [name, await until(`${name} to be there`, () => system.pid(name))] as const,
    ),
  )
  const { body } = await call(baseUrl, 'POST', '/v1/tenants', { body: { slug: 'asked', name: 'Asked' } })
  const tenantId = String(body['id'])
  const spare = await call(baseUrl, 'POST', '/v1/tenants', { body: { slug: 'spare', name: 'Spare' } })
  const world = await makeWorld(system, tenantId, { 'x-tenant-id': tenantId })
  const ids = { ...world.ids, ...tenantsOf(tenantId, String(spare.body['id'])) }

  const report: Report = { requests: 0, statuses: new Map(), succeeded: new Set(), operations: new Set() }
  // Apart, because a tenant that is being suspended at random would have everything else answered with 403.
  const parts = [
    ['--exclude-path-regex', '^/v1/(tenants|operator)', '--max-examples', '160'],
    ['--include-path-regex', '^/v1/(tenants|operator)', '--max-examples', '160'],
  ]
  const more = [
    '--exclude-path-regex',
    '^/v1/(tenants|operator)',
    '--phases',
    'coverage,fuzzing',
    '--max-examples',
    '30',
  ]
  for (let part = 0; part < parts.length || report.requests < REQUESTS; part += 1) {
    const into = join(folder, `${part}.ndjson`)
    // The part that is about tenants has met this one, too.
    await call(baseUrl, 'PATCH', `/v1/tenants/${tenantId}`, { body: { status: 'active' } })
    const as = `X-Tenant-ID: ${tenantId}`
    await ask({ python, system, as, world: { ...world, ids }, seed: seed + part, into, filter: parts[part] ?? more })
    await addUp(into, report)
  }
  const statuses = [...report.statuses].toSorted(([a], [b]) => a - b)
  t.diagnostic(`${report.requests} requests, by status: ${JSON.stringify(Object.fromEntries(statuses))}`)

  assert.equal(report.statuses.get(500) ?? 0, 0)
  assert.ok(report.requests >= REQUESTS)
  assert.ok(report.operations.size >= 60, `${report.operations.size} operations`)
  const never = [...report.operations].filter((operation) => !report.succeeded.has(operation))
  t.diagnostic(`never answered with success: ${never.join(', ') || 'none'}`)
  // Chance has its say, but each can be asked so that it says yes.
  assert.ok(never.length <= 2, never.join(', '))
  // Nobody fell, nobody was surprised, and what was accepted is there.
  assert.deepEqual(
    members.filter(([name, pid]) => system.pid(name) !== pid),
    [],
  )
  assert.doesNotMatch(system.output() + (await logOf(system)), /"event":"process\.defect"/)
  await until('what was accepted to be settled', () => isSettled(system), 60_000, 250)
})

test('with keys the same holds: a tenant’s key on all of its routes, the operator’s on its own', async (t) => {
  const seed = anySeed() % 1_000_000
  t.diagnostic(`seed ${seed}`)
  const python = await foreignPython(join(here, 'requirements.txt'))
  const folder = mkdtempSync(join(tmpdir(), 'pulse-schemathesis-keys-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using system = await bootPulse({ PULSE_AUTH: 'keys' })
  const operator = (await readFile(join(system.dataDir, 'keys', 'operator'), 'utf8')).trim()
  const post = async (key: string, path: string, body: unknown, more: Record<string, string> = {}) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...more }
    const answer = await fetch(`${system.baseUrl}${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    const made = (await answer.json()) as Record<string, string>
    assert.ok(answer.ok, `${path}: ${JSON.stringify(made)}`)
    return made
  }
  const tenant = await post(operator, '/v1/tenants', { slug: 'asked', name: 'Asked' })
  const scopes = ['collect', 'read', 'pii', 'manage']
  const made = await post(operator, '/v1/keys', { name: 'asks', scopes }, { 'x-tenant-id': String(tenant['id']) })
  const key = String(made['key'])
  const spare = await post(operator, '/v1/tenants', { slug: 'spare', name: 'Spare' })
  const world = await makeWorld(system, String(tenant['id']), { authorization: `Bearer ${key}` })
  const ids = { ...world.ids, ...tenantsOf(String(tenant['id']), String(spare['id'])) }

  const report: Report = { requests: 0, statuses: new Map(), succeeded: new Set(), operations: new Set() }
  const few = ['--max-examples', process.env['TEST_EXAMPLES'] ?? '2']
  const parts = [
    [key, ['--exclude-path-regex', '^/v1/(tenants|operator)', ...few]],
    [operator, ['--include-path-regex', '^/v1/(tenants|operator)', ...few]],
  ] as const
  for (const [part, [shown, filter]] of parts.entries()) {
    const into = join(folder, `${part}.ndjson`)
    const as = `Authorization: Bearer ${shown}`
    await ask({ python, system, as, world: { ...world, ids }, seed: seed + part, into, filter })
    await addUp(into, report)
  }
  const statuses = [...report.statuses].toSorted(([a], [b]) => a - b)
  t.diagnostic(`${report.requests} requests, by status: ${JSON.stringify(Object.fromEntries(statuses))}`)
  const never = [...report.operations].filter((operation) => !report.succeeded.has(operation))
  t.diagnostic(`never answered with success: ${never.join(', ') || 'none'}`)
  assert.ok(never.length <= 6, never.join(', '))
  assert.equal(report.statuses.get(500) ?? 0, 0)
  for (const part of ['keys', 'audit', 'schemas/infer', 'schemas/{id}/impact', 'dead-letters', 'events', 'batches'])
    assert.ok(
      [...report.operations].some((operation) => operation.includes(`/v1/${part}`)),
      part,
    )
  assert.ok(report.requests > 1_000, `${report.requests} requests`)
  assert.doesNotMatch(system.output() + (await logOf(system)), /"event":"process\.defect"/)
})

/** Which tenant may be read, and which may be renamed and suspended. */
const tenantsOf = (read: string, changed: string): Record<string, string> => ({
  'GET /v1/tenants/{id}': read,
  'PATCH /v1/tenants/{id}': changed,
})

interface Asking {
  readonly python: string
  readonly system: System
  /** Who asks: a header, and what it says. */
  readonly as: string
  readonly world: World
  readonly seed: number
  readonly into: string
  readonly filter: readonly string[]
}

/** One run of Schemathesis; rejects with what it printed where any answer was outside the contract. */
function ask({ python, system, as, world, seed, into, filter }: Asking): Promise<void> {
  const args = [
    // By its module: the programs of an environment that was moved into place name where it was made.
    ...['-c', 'from schemathesis.cli import schemathesis; schemathesis()'],
    ...['run', `${system.baseUrl}/openapi.json`, '--header', as, '--seed', String(seed)],
    ...['--exclude-checks', Object.keys(NOT_ASKED).join(','), '--workers', '1', '--no-shrink', '--continue-on-failure'],
    ...['--request-timeout', '30', '--suppress-health-check', 'all', '--warnings', 'off'],
    ...['--report', 'ndjson', '--report-ndjson-path', into, ...filter],
  ]
  return new Promise((resolve, reject) => {
    execFile(
      python,
      args,
      {
        cwd: dirname(into),
        env: {
          PATH: process.env['PATH'],
          HOME: dirname(into),
          PYTHONPATH: here,
          SCHEMATHESIS_HOOKS: 'hooks',
          PYTHONDONTWRITEBYTECODE: '1',
          KNOWN: JSON.stringify(world),
        },
        timeout: 1_200_000,
        maxBuffer: 1e8,
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve()
        const begins = Math.max(0, stdout.search(/= (FAILURES|ERRORS) =/))
        reject(
          new Error(
            `Schemathesis found what the document does not say (seed ${seed}):\n${stdout.slice(begins, begins + 20_000)}${stderr.slice(-5_000)}\n${error.message.slice(0, 500)}`,
          ),
        )
      },
    )
  })
}

interface Exchange {
  readonly label: string
  readonly interactions?: Readonly<Record<string, { readonly response?: { readonly status_code: number } | null }>>
}

/** Counts the requests of a run, and how they were answered, from its own record. */
async function addUp(path: string, report: Report): Promise<void> {
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const { ScenarioFinished: scenario } = JSON.parse(line) as { ScenarioFinished?: { readonly recorder: Exchange } }
    if (scenario === undefined) continue
    const { label, interactions } = scenario.recorder
    for (const { response } of Object.values(interactions ?? {})) {
      if (response === undefined || response === null) continue
      const { status_code: status } = response
      report.requests += 1
      report.statuses.set(status, (report.statuses.get(status) ?? 0) + 1)
      if (!/^[A-Z]+ \//.test(label)) continue
      report.operations.add(label)
      if (status < 300) report.succeeded.add(label)
    }
  }
}

async function logOf({ dataDir }: System): Promise<string> {
  const names = await readdir(join(dataDir, 'logs'))
  assert.ok(names.length > 0)
  return (await Promise.all(names.map((name) => readFile(join(dataDir, 'logs', name), 'utf8')))).join('')
}

/** Every event that the API accepted was read by the worker, once, and became a row, a duplicate or a dead letter. */
async function isSettled({ baseUrl, env }: System): Promise<boolean> {
  const accepted = sumOf(await scrape(`${baseUrl}/metrics/`), 'pulse_api_collect_events_total', 'outcome="accepted"')
  const text = await scrape(`http://127.0.0.1:${env['PULSE_WORKER_METRICS_PORT']}/metrics`)
  const of = (name: string): number => sumOf(text, `pulse_worker_${name}`)
  const became = of('events_appended_total') + of('duplicates_dropped_total') + of('events_dlq_total')
  return accepted > 0 && accepted === of('events_consumed_total') && accepted === became && of('ledger_imbalance') === 0
}

async function scrape(url: string): Promise<string> {
  return (await fetch(url, { signal: AbortSignal.timeout(10_000) })).text()
}

const sumOf = (text: string, name: string, having = ''): number =>
  text
    .split('\n')
    .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(having))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
