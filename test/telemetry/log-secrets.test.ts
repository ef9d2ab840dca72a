import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { announcementMembers } from '../../scripts/generate.ts'
import { announce, LOG, openLog, resourceOf, type AnnouncementName } from '../../src/telemetry/index.ts'
import { runWith } from '../../src/tenancy/index.ts'
import { said } from '../kit/announcements.ts'

const HELD = 'p@ss/of the-database'
const POISON = [
  'postgresql://pulse:hunter2@db/pulse',
  'Authorization: Bearer hunter2',
  'password=hunter2',
  'secret: "hunter2"',
  '{"api_key":"hunter2"}',
  `what the process holds: ${HELD} and ${encodeURIComponent(HELD)}`,
  'Unexpected token \'h\', "{"card":"hunter2"}" is not valid JSON',
].join(' ')

function logging(t: TestContext): string[] {
  const text: string[] = []
  const log = openLog({
    level: 'debug',
    resource: resourceOf('api'),
    to: { write: (line) => text.push(line) },
    secrets: [HELD],
  })
  t.after(() => log[Symbol.asyncDispose]())
  return text
}
const declared = announcementMembers(
  await readFile(join(import.meta.dirname, '../../src/telemetry/announce.ts'), 'utf8'),
)
const names = Object.keys(LOG) as AnnouncementName[]

/** Every member that is text in some announcement, poisoned; what is compared or counted stays what it is. */
function poisoned(name: AnnouncementName): Record<string, unknown> {
  const usual = said(name as 'process.defect') as unknown as Record<string, unknown>
  const members = (declared.get(name) ?? []).map((member) => [member, usual[member] ?? NEEDED[member] ?? POISON])
  return {
    ...Object.fromEntries(members),
    password: 'hunter2',
    apiKey: 'hunter2',
    headers: { cookie: 'hunter2' },
    data: { card: 'hunter2' },
  }
}
const SPAN = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true }
/** Members whose kind a line depends on. */
const NEEDED: Readonly<Record<string, unknown>> = {
  claimed: [POISON],
  released: [POISON],
  lost: [POISON],
  partitions: [POISON],
  offsets: [POISON],
  conflicts: [POISON],
  outcomes: { missing: 1, duplicated: 0, corrupted: 0, late: 0, exactly_once: 0 },
  span: SPAN,
  within: SPAN,
  status: 500,
  sampled: true,
  tookMs: 1,
  startedAtMs: 1,
  aheadMs: 1,
  retryInMs: 1,
  flushId: '01900000-0000-7000-8000-0000000000ff',
  tenant: 'acme',
  dataset: 'orders',
  traceId: SPAN.traceId,
  spanId: SPAN.spanId,
  collected: new Map(),
}

test('secrets poured into every member of every announcement are in no line, and every line is written', (t) => {
  const text = logging(t)
  for (const name of names) {
    const before = text.length
    announce(name, poisoned(name) as never)
    assert.equal(text.length, before + 1, `${name} wrote no line`)
    const line = text.at(-1) ?? ''
    assert.ok(!line.includes('hunter2') && !line.includes(HELD) && !line.includes(encodeURIComponent(HELD)), line)
  }
})

test('every line of a failure has a code, and the tenant, dataset and trace that it concerns', (t) => {
  const text = logging(t)
  const context = { tenantId: 'x', tenantSlug: 'acme', trace: { ...SPAN, traceId: 'c'.repeat(32) } }
  let failures = 0
  for (const name of names) {
    runWith(context, () => announce(name, poisoned(name) as never))
    const line = JSON.parse(text.at(-1) ?? '{}') as Record<string, unknown>
    assert.equal(line['event'], name)
    assert.match(String(line['trace_id']), /^[0-9a-f]{32}$/, name)
    assert.ok(['acme', 'pulse-canary'].includes(String(line['tenant'])), name)
    if (declared.get(name)?.includes('dataset')) assert.equal(line['dataset'], 'orders', name)
    if (line['level'] !== 'warn' && line['level'] !== 'error') continue
    failures += 1
    const { code } = (line['error'] ?? {}) as { code?: unknown }
    assert.ok(typeof code === 'string' && code !== '', `${name} has no error.code`)
  }
  assert.ok(failures >= 15, `${failures} failures`)
})
