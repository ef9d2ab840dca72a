import assert from 'node:assert/strict'

/** One line of a scrape that carries a value. */
interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar?: { readonly labels: Readonly<Record<string, string>>; readonly value: number } | undefined
}
interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly Sample[]
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const HEAD = /^# (HELP|TYPE) (\S+) ([^]*)$/
const SUFFIXES = /_(bucket|sum|count|total)$/

/**
 * Reads a scrape as strictly as the formats are written: text 0.0.4 or OpenMetrics 1.0. Throws where a scraper would
 * refuse or misread it: an unknown escape, a series twice, samples of a family apart, buckets that fall.
 */
export function readExposition(body: string, format: 'text' | 'openmetrics' = 'text'): Map<string, Family> {
  assert.ok(body.endsWith('\n'), 'the last line ends')
  const lines = body.slice(0, -1).split('\n')
  if (format === 'openmetrics') {
    assert.equal(lines.pop(), '# EOF')
    assert.ok(!lines.includes(''), 'OpenMetrics has no empty lines')
  }
  const families = new Map<string, { name: string; type: string; help: string; samples: Sample[] }>()
  const seen = new Set<string>()
  let current: { name: string; type: string; help: string; samples: Sample[] } | undefined
  for (const line of lines.filter((text) => text !== '')) {
    const [, what, name = '', rest = ''] = HEAD.exec(line) ?? []
    if (what === 'HELP') {
      assert.match(name, NAME)
      assert.ok(!families.has(name), `${name} comes twice`)
      current = { name, type: '', help: rest, samples: [] }
      families.set(name, current)
    } else if (what === 'TYPE') {
      assert.equal(current?.name, name, 'TYPE follows HELP')
      current.type = rest
    } else {
      const sample = readSample(line)
      assert.ok(current !== undefined && current.type !== '', `${line}: a sample without its family`)
      assert.ok(belongs(sample.name, current, format), `${sample.name} among ${current.name}`)
      assert.ok(
        sample.exemplar === undefined || (format === 'openmetrics' && /_(bucket|total)$/.test(sample.name)),
        line,
      )
      const key = keyOf(sample)
      assert.ok(!seen.has(key), `${key} comes twice`)
      seen.add(key)
      current.samples.push(sample)
    }
  }
  for (const family of families.values()) if (family.type === 'histogram') checkBuckets(family)
  return families
}

/** All samples of a scrape, with values by name and labels. */
export const valuesOf = (body: string, format: 'text' | 'openmetrics' = 'text'): Map<string, number> =>
  new Map(
    [...readExposition(body, format).values()].flatMap(({ samples }) =>
      samples.map((one) => [keyOf(one), one.value] as const),
    ),
  )

/** The sum over all series of one name. */
export function sumOf(body: string, name: string): number {
  const family = readExposition(body).get(name) ?? readExposition(body).get(name.replace(SUFFIXES, ''))
  assert.ok(family !== undefined, `${name} is not in the scrape`)
  return family.samples.filter((one) => one.name === name).reduce((sum, { value }) => sum + value, 0)
}

const keyOf = ({ name, labels }: Pick<Sample, 'name' | 'labels'>): string =>
  `${name}{${Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(',')}}`

function belongs(name: string, { name: family, type }: { name: string; type: string }, format: string): boolean {
  if (type === 'histogram') return ['_bucket', '_sum', '_count'].some((suffix) => name === `${family}${suffix}`)
  if (type === 'counter' && format === 'openmetrics') return name === `${family}_total`
  return name === family
}

function readSample(line: string): Sample {
  const [, name = '', rest = ''] = /^([a-zA-Z_:][a-zA-Z0-9_:]*)([^]*)$/.exec(line) ?? []
  const [labels, after] = readLabels(rest, line)
  const [, value = '', exemplar] = /^ (\S+)( # [^]*)?$/.exec(after) ?? []
  if (exemplar === undefined) return { name, labels, value: readNumber(value, line) }
  const [own, tail] = readLabels(exemplar.slice(3), line)
  const [, at = '', time = ''] = /^ (\S+) (\S+)$/.exec(tail) ?? []
  assert.ok(Object.entries(own).flat().join('').length <= 128, 'an exemplar has at most 128 characters')
  assert.ok(readNumber(time, line) > 0, 'an exemplar has a time')
  return { name, labels, value: readNumber(value, line), exemplar: { labels: own, value: readNumber(at, line) } }
}

function readLabels(text: string, line: string): [Record<string, string>, rest: string] {
  const labels: Record<string, string> = {}
  if (!text.startsWith('{')) return [labels, text]
  let at = 1
  while (text[at] !== '}') {
    const found = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(,?)/.exec(text.slice(at))
    assert.ok(found !== null, `${line}: labels cannot be read`)
    const [whole, label = '', value = ''] = found
    assert.ok(!(label in labels), `${line}: ${label} twice`)
    labels[label] = value.replace(/\\([\\n"])/g, (_, escape: string) => (escape === 'n' ? '\n' : escape))
    at += whole.length
  }
  return [labels, text.slice(at + 1)]
}

function readNumber(text: string, line: string): number {
  if (text === '+Inf') return Infinity
  if (text === '-Inf') return -Infinity
  if (text === 'NaN') return Number.NaN
  assert.match(text, /^-?\d+(\.\d+)?(e[+-]?\d+)?$/, `${line}: no number`)
  return Number(text)
}

function checkBuckets({ name, samples }: Family): void {
  const last = new Map<string, { edge: number; value: number }>()
  for (const { name: series, labels, value } of samples) {
    const { le = '', ...own } = labels
    const key = JSON.stringify(own)
    if (series.endsWith('_bucket')) {
      const before = last.get(key) ?? { edge: -Infinity, value: 0 }
      const edge = readNumber(le, series)
      assert.ok(edge > before.edge && value >= before.value, `${name}: buckets rise`)
      last.set(key, { edge, value })
    } else if (series.endsWith('_count')) {
      assert.deepEqual(last.get(key), { edge: Infinity, value }, `${name}: the last bucket is the count`)
    }
  }
}
