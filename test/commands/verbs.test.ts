import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { ownFolder } from '../kit/folder.ts'
import { withApi } from '../kit/api-server.ts'
import { typed } from '../kit/commands.ts'

const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
const DEFINITION = {
  type: 'object',
  properties: { page: { type: 'string' }, n: { type: 'integer' } },
  required: ['page'],
}

describe('the verbs against an API', () => {
  const ends: (() => Promise<void> | void)[] = []
  const owner = { after: (end: () => Promise<void> | void) => void ends.unshift(end) }
  let env: Record<string, string>
  let folder: string
  const pulse = (...words: string[]) => typed(env, ...words)
  const file = async (name: string, text: string | Uint8Array): Promise<string> => {
    await writeFile(join(folder, name), text)
    return join(folder, name)
  }

  before(async () => {
    folder = await ownFolder(owner)
    const api = await withApi(owner)
    env = { PULSE_URL: api.url, PULSE_DATA_DIR: join(folder, 'nothing'), PULSE_TENANT: 'acme' }
    assert.equal((await pulse('tenant', 'create', 'acme', '--name', 'Acme Ltd')).code, 0)
  })
  after(async () => {
    for (const end of ends) await end()
  })

  test('a tenant is made, listed, shown, suspended and resumed, by slug or id', async () => {
    const metadata = await file('metadata.json', '{"plan": 12345678901234567890}')
    const made = await pulse('tenant', 'create', 'beta', '--metadata', metadata, '--json')
    assert.equal(made.code, 0, made.err)
    assert.match(made.out, /"metadata":\{"plan":\s*12345678901234567890\}/, 'numbers are sent and shown as written')
    const { id, name } = made.json()
    assert.equal(name, 'beta')
    const list = await pulse('tenant', 'list')
    assert.match(list.out, /^slug +name +status +id +created_at\n/)
    assert.match(list.out, new RegExp(`^beta +beta +active +${id} `, 'm'))
    assert.match(list.out, /^acme +Acme Ltd +active /m)
    assert.match((await pulse('tenant', 'list', '--limit', '1')).out, /\nThere are more: --cursor \S+\n$/)
    assert.match((await pulse('tenant', 'show', 'beta')).out, new RegExp(`^id +${id}\n`))
    assert.match((await pulse('tenant', 'suspend', 'beta')).out, /^status +suspended$/m)
    assert.match((await pulse('tenant', 'resume', id)).out, /^status +active$/m)
  })

  test('a schema goes from file to draft to published to archived, and a dataset is bound to it', async () => {
    const definition = await file('page-view.json', JSON.stringify(DEFINITION, undefined, 2))
    const uri = 'https://test.example/page-view'
    const draft = await pulse('schema', 'create', definition, '--uri', uri, '--class', CLASS)
    assert.match(draft.out, /^status +draft$/m)
    assert.match((await pulse('schema', 'publish', uri)).out, /^status +published$/m)
    assert.match((await pulse('schema', 'list', '--status', 'published')).out, /^https:\/\/test\.example\/page-view +/m)
    assert.match((await pulse('schema', 'show', uri)).out, /\ndefinition:\n\{\n {2}"type": "object"/)
    const made = await pulse('dataset', 'create', 'views', '--schema', uri, '--name', 'Views', '--json')
    assert.deepEqual([made.json().slug, made.json().name, made.json().schema_uri], ['views', 'Views', uri])
    assert.match((await pulse('dataset', 'list')).out, /^views +Views +0 +0 +0 /m)
    assert.match((await pulse('dataset', 'list', '--schema', uri)).out, /^views +Views /m)
    assert.match((await pulse('dataset', 'list', '--schema', 'urn:none')).out, /^The tenant has no datasets/)
    assert.match((await pulse('dataset', 'show', 'views')).out, /^rows +0$/m)
    assert.equal((await pulse('preview', 'views')).out, 'The table has no rows yet.\n')
    const used = await pulse('schema', 'archive', uri)
    assert.equal(used.code, 1)
    assert.match(used.err, /^ {2}used by dataset views$/m)
    assert.match(used.err, /--force\.\ncode in_use \(409\)/)
    const shown = (await pulse('schema', 'show', uri)).out
    assert.match(shown, /^id +column +type +required +labels +from$/m)
    assert.match(shown, /^\d+ +page +string +yes +https:\/\/test\.example\/page-view$/m)
    assert.equal((await pulse('preview', 'views', '--mask', 'pii')).code, 0)
    assert.match(
      (await pulse('schema', 'list', '--uses', CLASS, '--class', CLASS)).out,
      /^https:\/\/test\.example\/page-view /m,
    )
    assert.match((await pulse('schema', 'list', '--uses', 'urn:none')).out, /^The tenant sees no schema like that/)
    const other = await pulse(
      'schema',
      'create',
      definition,
      '--uri',
      `${uri}/2`,
      '--class',
      CLASS,
      '--supersedes',
      uri,
      '--publish',
    )
    assert.match(other.out, /^status +published$/m)
    const bound = await pulse('dataset', 'bind', 'views', `${uri}/2`)
    assert.match(bound.out, /^schema_uri +https:\/\/test\.example\/page-view\/2$/m, bound.err)
    const narrow = await file('narrow.json', '{"type":"object","properties":{"page":{"type":"integer"}}}')
    const third = [narrow, '--uri', `${uri}/3`, '--class', CLASS, '--supersedes', `${uri}/2`, '--publish']
    assert.equal((await pulse('schema', 'create', ...third)).code, 0)
    const breaking = await pulse('dataset', 'bind', 'views', `${uri}/3`)
    assert.equal(breaking.code, 1)
    assert.match(breaking.err, /^ {2}\/page {2}\S.*$/m)
    assert.match(breaking.err, /^code breaking_change \(422\)/m)
    assert.match((await pulse('schema', 'archive', `${uri}/2`, '--force')).out, /^status +archived$/m)
    assert.match((await pulse('schema', 'archive', `${uri}/3`)).out, /^status +archived$/m)
  })

  test('a draft is edited until it is published, and what it says goes back into a file as it was written', async () => {
    const uri = 'https://test.example/edited'
    const first = await file('first.json', '{"type":"object","properties":{"n":{"type":"number","minimum":1.10}}}')
    const made = await pulse('schema', 'create', first, '--uri', uri, '--class', CLASS)
    assert.doesNotMatch(made.out, /definition|composed|"/, 'who made it has it')
    const second = await file('second.json', '{"type":"object","properties":{"m":{"maximum":12345678901234567890}}}')
    const edited = await pulse('schema', 'edit', uri, second, '--title', 'Edited')
    assert.match(edited.out, /^title +Edited$[^]*^\d+ +m +/m, edited.err)
    const only = (await pulse('schema', 'show', uri, '--only', 'definition')).out
    assert.match(only, /"maximum": 12345678901234567890\n/)
    assert.match((await pulse('schema', 'show', uri, '--only', 'composed')).json().$schema, /2020-12/)
    const back = await file('back.json', only)
    assert.equal((await pulse('schema', 'edit', uri, back)).code, 0)
    assert.equal((await pulse('schema', 'edit', uri)).code, 2)
    assert.equal((await pulse('schema', 'publish', uri)).code, 0)
    const frozen = await pulse('schema', 'edit', uri, first)
    assert.match(frozen.err, /--supersedes\.\ncode definition_frozen \(422\)/)
    const part = 'urn:test:a-part'
    assert.equal((await pulse('datatype', 'create', first, '--uri', part)).code, 0, 'a draft')
    const bad = await file('unpublishable.json', `{"type":"object","properties":{"x":{"$ref":"${part}"}}}`)
    const half = ['schema', 'create', bad, '--uri', `${uri}/half`, '--class', CLASS, '--publish']
    const refused = await pulse(...half)
    assert.match(refused.err, /^https:\/\/test\.example\/edited\/half is a draft now: pulse schema edit changes it/)
    assert.equal(refused.code, 1)
    assert.match((await pulse(...half)).err, /pulse <kind> edit puts another definition into it\.\ncode uri_taken/)
  })

  test('two people at once: what was changed meanwhile is said, and nothing is changed', async () => {
    const uri = 'https://test.example/two-people'
    const etagOf = (out: string): string => /^etag +(\S+)$/m.exec(out)?.[1] ?? ''
    const definition = await file('two.json', '{"type":"object"}')
    const seen = etagOf((await pulse('schema', 'create', definition, '--uri', uri, '--class', CLASS)).out)
    const hers = await pulse('schema', 'edit', uri, '--title', 'Hers', '--if-match', seen)
    assert.equal(hers.code, 0, hers.err)
    for (const words of [
      ['edit', uri, '--title', 'His'],
      ['publish', uri],
      ['archive', uri],
    ]) {
      const his = await pulse('schema', ...words, '--if-match', seen)
      assert.equal(his.code, 1, words.join(' '))
      assert.match(his.err, /^ {2}\/title {2}is now "Hers"$/m)
      assert.match(
        his.err,
        new RegExp(`^What is there now: --if-match ${etagOf(hers.out).replaceAll('.', '\\.')}$`, 'm'),
      )
    }
    assert.match((await pulse('schema', 'publish', uri, '--if-match', `"${etagOf(hers.out)}"`)).out, /published/)
    const long = await file('long.json', JSON.stringify({ type: 'object', description: 'x' }, undefined, 2))
    const other = `${uri}/other`
    const before = etagOf((await pulse('schema', 'create', definition, '--uri', other, '--class', CLASS)).out)
    assert.equal((await pulse('schema', 'edit', other, long)).code, 0)
    const late = await pulse('schema', 'edit', other, definition, '--if-match', before)
    assert.match(late.err, /^ {2}\/definition {2}is now \{ "type": "object", "description": "x" \}$/m)
    const tenant = await pulse('tenant', 'create', 'edited')
    const named = await pulse('tenant', 'edit', 'edited', '--name', 'New', '--if-match', etagOf(tenant.out))
    assert.match(named.out, /^name +New$/m, named.err)
    const metadata = ['--metadata', await file('plan.json', '{"n":1.10}')]
    assert.match((await pulse('tenant', 'edit', 'edited', ...metadata)).out, /^name +New$[^]*"n": 1\.10\n/m)
    assert.match((await pulse('tenant', 'suspend', 'edited', '--if-match', etagOf(tenant.out))).err, /\(412\)/)
    assert.equal((await pulse('tenant', 'edit', 'edited')).code, 2)
    assert.equal((await pulse('dataset', 'create', 'two', '--schema', uri)).code, 0)
    const shown = await pulse('dataset', 'show', 'two')
    const renamed = await pulse('dataset', 'edit', 'two', '--name', 'Two', '--if-match', etagOf(shown.out))
    assert.match(renamed.out, /^name +Two$/m, renamed.err)
    assert.match((await pulse('dataset', 'bind', 'two', uri, '--if-match', etagOf(shown.out))).err, /\(412\)/)
    assert.equal((await pulse('dataset', 'edit', 'two')).code, 2)
  })

  test('a schema is proposed from samples, and what binding it would do is told before', async () => {
    const samples = await file(
      'visits.ndjson',
      '{"timestamp":"2026-11-25T08:00:00Z","page":"/a","n":1}\n{"timestamp":"2026-11-25T08:00:01Z","page":"/b"}\n',
    )
    const proposed = await pulse('schema', 'infer', samples)
    assert.equal(proposed.code, 0, proposed.err)
    assert.match(proposed.err, /^From 2 samples\.\n/)
    assert.deepEqual([proposed.json().properties.n.type, proposed.json().required], ['integer', ['timestamp', 'page']])
    const whole = await pulse('schema', 'infer', samples, '--json')
    assert.equal(whole.json().samples, 2)
    for (const [name, text, ...more] of [
      ['one.json', '{\n "timestamp":"2026-11-25T08:00:00Z","page":"/a"}'],
      ['many.json', '[{"page":"/a"},{"page":"/b"}]'],
      ['visits.csv', 'page,n\n/a,1\n/b,2\n'],
      ['visits.csv.gz', gzipSync('page,n\n/a,1\n/b,2\n')],
      ['lines.json', '{"page":"/a"}\n{"page":"/b"}\n'],
      ['visits.tsv', 'page\tn\n/a\t1\n/b\t2\n'],
      ['visits.txt', 'page;n\n/a;1\n/b;2\n', '--delimiter', ';'],
    ] as const)
      assert.match((await pulse('schema', 'infer', await file(name, text), ...more)).out, /"page": \{/, name)
    const uri = 'https://test.example/proposed'
    const definition = await file('proposed.json', proposed.out)
    assert.equal((await pulse('schema', 'create', definition, '--uri', uri, '--publish')).code, 0, 'as it was proposed')
    assert.equal((await pulse('dataset', 'create', 'proposed', '--schema', uri)).code, 0)
    const wider = JSON.stringify({
      ...proposed.json(),
      properties: { ...proposed.json().properties, who: { type: 'string' } },
    })
    const next = [await file('wider.json', wider), '--uri', `${uri}/2`, '--supersedes', uri]
    assert.equal((await pulse('schema', 'create', ...next)).code, 0)
    const impact = await pulse('schema', 'impact', `${uri}/2`, '--dataset', 'proposed')
    assert.match(
      impact.out,
      /^column +pointer +type +becomes\nadded +\/who +string\n\nNothing would break\.\n/,
      impact.err,
    )
    assert.match(impact.out, /^rows +0 +0 +0 +0$/m)
    const narrow = [await file('narrow.json', wider.replace('"integer"', '"boolean"')), '--uri', `${uri}/3`]
    assert.equal((await pulse('schema', 'create', ...narrow)).code, 0)
    const breaks = await pulse('schema', 'impact', `${uri}/3`, '--dataset', 'proposed', '--last', '10')
    assert.match(breaks.out, /^would break +reason\n\/n +\S/m)
    assert.equal((await pulse('schema', 'impact', `${uri}/3`)).code, 2)
  })

  test('the other four kinds have the same verbs', async () => {
    const fields = await file('fields.json', '{"type":"object","properties":{"city":{"type":"string"}}}')
    const stamped = await file(
      'stamped.json',
      '{"type":"object","properties":{"timestamp":{"type":"string","format":"date-time"}},"required":["timestamp"]}',
    )
    const uri = (name: string): string => `https://test.example/${name}`
    assert.match((await pulse('datatype', 'create', fields, '--uri', uri('place'), '--publish')).out, /published/)
    assert.match((await pulse('class', 'create', stamped, '--uri', uri('visit'), '--publish')).out, /published/)
    const group = ['field-group', 'create', fields, '--uri', uri('where'), '--class', uri('visit'), '--publish']
    assert.match((await pulse(...group)).out, /^class_uri +https:\/\/test\.example\/visit$/m)
    const schema = [
      'schema',
      'create',
      '-',
      '--uri',
      uri('seen'),
      '--class',
      uri('visit'),
      '--field-group',
      uri('where'),
    ]
    schema[2] = await file('empty.json', '{"type":"object"}')
    assert.match((await pulse(...schema, '--publish')).out, /^field_group_uris +https:\/\/test\.example\/where$/m)
    const descriptor = [
      'descriptor',
      'create',
      '--uri',
      uri('who'),
      '--schema',
      uri('seen'),
      '--kind',
      'identity',
      '--pointer',
      '/city',
    ]
    const made = await pulse(...descriptor)
    assert.match(made.out, /^pointer +\/city$/m, made.err)
    const anew = await pulse('descriptor', 'edit', uri('who'), '--pointer', '/_event_id')
    assert.match(anew.err, /\/pointer/, 'it is judged again')
    const other = await file('other.json', '{"type":"object","properties":{"town":{"type":"string"}}}')
    const otherGroup = ['field-group', 'create', other, '--uri', uri('there'), '--class', uri('visit'), '--publish']
    assert.equal((await pulse(...otherGroup)).code, 0)
    const draft = ['schema', 'create', schema[2], '--uri', uri('draft'), '--class', uri('visit')]
    assert.equal((await pulse(...draft, '--field-group', uri('where'))).code, 0)
    const both = ['--field-group', uri('where'), '--field-group', uri('there')]
    const grown = await pulse('schema', 'edit', uri('draft'), ...both)
    assert.match(grown.out, /^\d+ +town +string +https:\/\/test\.example\/there$/m, grown.err)
    const label = await file('label.json', '{"labels":["pii"]}')
    const labelled = ['descriptor', 'create', label, '--uri', uri('pii'), '--schema', uri('seen'), '--kind', 'label']
    assert.match((await pulse(...labelled, '--pointer', '/city', '--publish')).out, /^status +published$/m)
    assert.match(
      (await pulse('schema', 'show', uri('seen'))).out,
      /^\d+ +city +string +pii +https:\/\/test\.example\/where$/m,
    )
    assert.match((await pulse('descriptor', 'list', '--kind', 'label', '--schema', uri('seen'))).out, /^https:.*pii +/m)
    for (const kind of ['class', 'field-group', 'datatype', 'descriptor']) {
      const list = await pulse(kind, 'list')
      assert.match(list.out, /^uri +title +status /, kind)
    }
  })

  test('a key is made, listed, rotated and revoked, and its text is shown once', async () => {
    const made = await pulse(
      'key',
      'create',
      'website',
      '--scope',
      'collect',
      '--scope',
      'read',
      '--expires',
      '2999-01-01',
    )
    assert.match(made.out, /^expires_at +2999-01-01T00:00:00/m, made.err)
    assert.match(made.out, /^The key is shown this once/)
    const key = /^key +(pulse_\S+)$/m.exec(made.out)?.[1] ?? ''
    const id = /^id +(\S+)$/m.exec(made.out)?.[1] ?? ''
    assert.ok(key.length > 40, made.out)
    const list = await pulse('key', 'list')
    assert.match(list.out, new RegExp(`^${id} +website +\\["collect","read"\\] +active`, 'm'))
    assert.ok(!list.out.includes(key))
    const rotated = await pulse('key', 'rotate', id, '--overlap', '60')
    assert.match(rotated.out, new RegExp(`^rotated_from +${id}$`, 'm'))
    assert.match((await pulse('key', 'show', id)).out, /^status +active$/m)
    assert.match((await pulse('key', 'revoke', id, '--if-match', 'none')).err, /\(412\)/)
    assert.match((await pulse('key', 'revoke', id)).out, /^status +revoked$/m)
  })

  test('what a tenant and a key may send is set whole, and taken away', async () => {
    const limited = await pulse(
      'tenant',
      'limit',
      'acme',
      '--events-per-second',
      '2000',
      '--bytes-per-day',
      '5000000000',
    )
    assert.equal(limited.code, 0, limited.err)
    assert.match(limited.out, /\nlimits:\n\{\n {2}"events_per_second": 2000,\n {2}"bytes_per_day": 5000000000\n\}\n/)
    const other = await pulse('tenant', 'limit', 'acme', '--bytes-per-second', '1000000', '--json')
    assert.deepEqual(other.json().limits, { bytes_per_second: 1_000_000 })
    assert.equal((await pulse('tenant', 'limit', 'acme', '--none', '--json')).json().limits, undefined)
    const key = (await pulse('key', 'create', 'limited', '--scope', 'collect', '--json')).json().id as string
    const slow = await pulse('key', 'limit', key, '--events-per-day', '10', '--json')
    assert.deepEqual(slow.json().limits, { events_per_day: 10 }, slow.err)
    for (const words of [['acme'], ['acme', '--none', '--events-per-day', '1']])
      assert.match((await pulse('tenant', 'limit', ...words)).err, /all limits that shall hold from now on, or --none/)
    for (const many of ['many', '-1', '1.5', '', '1e3']) {
      const odd = await pulse('tenant', 'limit', 'acme', `--events-per-day=${many}`)
      assert.equal(odd.code, 2, `${many} would take the limit away`)
    }
    const zero = await pulse('tenant', 'limit', 'acme', '--events-per-day', '0')
    assert.equal(zero.code, 1)
    assert.match(zero.err, /^ {2}\/limits/m)
  })

  test('who changed what is listed, of the tenant and of everything', async () => {
    const made = await pulse('key', 'create', 'audited', '--scope', 'read', '--json')
    await pulse('key', 'revoke', made.json().id as string)
    const audit = await pulse('audit', '--id', made.json().id as string)
    assert.match(
      audit.out,
      /^at +actor +action +name +entity_id +trace_id\n2\S+Z +\S+ +key\.revoke +audited .*\n2\S+Z +\S+ +key\.create +audited /,
      audit.err,
    )
    assert.match((await pulse('audit', '--id', randomUUID())).out, /^Nothing like that was changed\./)
    assert.match((await pulse('audit', '--from', '2999-01-01')).out, /^Nothing like that/, 'a day is its first instant')
    assert.equal((await pulse('audit', '--to', '2999-13-01')).code, 1)
    assert.match((await pulse('audit', '--limit', '1')).out, /\nThere are more: --cursor /)
    const all = await pulse('audit', '--everything', '--action', 'tenant.create')
    assert.match(all.out, /^at +actor +action +name +entity_id +tenant_id +trace_id\n/, all.err)
    assert.equal((await pulse('tenant', 'create', 'watched')).code, 0)
    assert.equal((await pulse('tenant', 'suspend', 'watched')).code, 0)
    const theirs = await pulse('audit', '--everything', '--tenant', 'watched', '--json')
    const actions = (theirs.json().items as readonly { action: string }[]).map(({ action }) => action)
    assert.deepEqual(actions, ['tenant.suspend', 'tenant.create'], theirs.err)
  })

  test('what is refused is said with its place, its code and what to do, and machines get the problem as it is', async () => {
    const taken = await pulse('tenant', 'create', 'acme')
    assert.equal(taken.code, 1)
    assert.equal(taken.out, '')
    assert.match(taken.err, /acme.*\n(.*\n)*code tenant_slug_taken \(409\), trace [0-9a-f]{32}\n$/)
    const wrong = await pulse('tenant', 'create', 'Not A Slug', '--json')
    assert.equal(wrong.code, 1)
    const problem = JSON.parse(wrong.err) as { code: string; errors: { pointer: string }[] }
    assert.deepEqual([problem.code, problem.errors[0]?.pointer], ['invalid', '/slug'])
    const shown = await pulse('tenant', 'create', 'Not A Slug')
    assert.match(shown.err, /^ {2}\/slug {2}\S/m)
    const nobody = await typed({ ...env, PULSE_TENANT: '' }, 'schema', 'list')
    assert.match(nobody.err, /--tenant <slug or id>, or PULSE_TENANT/)
    assert.equal((await pulse('dataset', 'show', 'nothing')).code, 1)
  })

  test('what was typed wrongly ends with 2, and names what was meant', async () => {
    const cases: [string[], RegExp][] = [
      [['schema', 'list', '--tenant', 'nobody'], /There is no tenant nobody/],
      [['schema', 'show', 'https://test.example/none'], /There is no schema https:\/\/test\.example\/none/],
      [['schema', 'create', join(folder, 'none.json'), '--uri', 'urn:x'], /There is no file .*none\.json/],
      [['schema', 'create', folder, '--uri', 'urn:x'], /is a folder/],
      [['schema', 'create', await file('bad.json', '{'), '--uri', 'urn:x'], /bad\.json is no JSON/],
      [['schema', 'create', await file('good.json', '{}')], /--uri/],
      [['schema', 'infer', await file('rows.parquet', 'PAR1')], /Parquet is not read here/],
      [['schema', 'infer', await file('rows.gz', 'x')], /--type csv, ndjson, json/],
      [['key', 'create', 'x'], /--scope/],
      [['key', 'list', '--limit', '1'], /unknown option '--limit'/],
      [['dataset', 'create', 'x'], /--schema <uri>/],
      [['descriptor', 'show', 'urn:test:none'], /There is no descriptor/],
      [
        ['schema', 'infer', await file('large.csv', 'a\n'.repeat(3 << 20))],
        /4 MiB\. A part of it is enough: head -n 5000 .*large\.csv \| pulse schema infer -\n$/,
      ],
      [['key', 'create', 'x', '--scope', 'all'], /Allowed choices are collect, read, pii, manage/],
      [['tenant', 'list', '--url', 'nowhere'], /Give an address/],
      [['tenant', 'show'], /missing required argument 'tenant'/],
    ]
    for (const [words, says] of cases) {
      const { code, err } = await pulse(...words)
      assert.equal(code, 2, `${words.join(' ')}: ${err}`)
      assert.match(err, says)
    }
  })
})
