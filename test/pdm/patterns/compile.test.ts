import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compilePattern } from '../../../src/pdm/patterns/compile.ts'
import { PatternRefused } from '../../../src/pdm/patterns/parse.ts'

const atom = fc.constantFrom(
  'a',
  'b',
  '.',
  '\\d',
  '\\D',
  '\\w',
  '\\W',
  '\\s',
  '\\S',
  '[ab]',
  '[^a]',
  '[a-c0-9_]',
  '[\\]\\-\\\\]',
  '\\.',
  '\\/',
  '\\u0061',
  '\\u{1F600}',
  '😀',
  '\\x41',
  '\\t',
  '\\cJ',
  '[[a]',
  '[^\\s\\d]',
  '[\\b]',
  '\\$',
  '(?:ab|c)',
  '(a|b)',
  '(?<n>a)',
  '[\\u0000-\\u{10FFFF}]',
  'ü',
  '\\p{Lu}',
  '\\P{L}',
  '[\\p{N}x]',
)
const piece = fc
  .tuple(atom, fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '*?', '+?'))
  .map(([one, times]) => one + times)
const pattern = fc
  .tuple(
    fc.constantFrom('', '^', '\\b'),
    fc.array(piece, { minLength: 1, maxLength: 4 }),
    fc.constantFrom('', '$', '|^b$', '\\B'),
  )
  .map(([start, pieces, end]) => start + pieces.join('').replace(/\(\?<n>/g, '(') + end)
const text = fc.oneof(
  fc
    .array(
      fc.constantFrom(
        'a',
        'b',
        'c',
        'A',
        '0',
        '_',
        ' ',
        '\n',
        '\r',
        '\u2028',
        '\u00a0',
        '\ufeff',
        '\t',
        '😀',
        'ü',
        'É',
        '-',
        ']',
        '\\',
        '.',
        '/',
        '$',
        '\b',
        '[',
        '٣',
        '\u0000',
      ),
      { maxLength: 8 },
    )
    .map((chars) => chars.join('')),
  fc.string({ unit: 'binary', maxLength: 5 }),
)

/**
 * Tried at the beginning of every character, as ECMA-262 has it (22.2.7.2, AdvanceStringIndex). V8's own search also tries between
 * the halves of a surrogate pair, where it finds a \B that is not there.
 */
function matchesSomewhere(source: string, text: string): boolean {
  const here = new RegExp(source, 'uy')
  let at = 0
  for (const character of [...text, '']) {
    here.lastIndex = at
    if (here.test(text)) return true
    at += character.length
  }
  return false
}

test('a pattern means what ECMA-262 says, on either engine', () => {
  const engines = { native: 0, re2: 0 }
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 5, maxLength: 5 }), (source, texts) => {
      const compiled = compilePattern(source)
      engines[compiled.engine]++
      for (const one of texts)
        assert.equal(compiled.test(one), matchesSomewhere(source, one), `${source} on ${JSON.stringify(one)}`)
    }),
    { numRuns: 4_000 },
  )
  assert.ok(engines.native > 100 && engines.re2 > 100, JSON.stringify(engines))
})

test('no pattern that is accepted backtracks: each takes a moment on the text made against it', () => {
  const attacks: [string, string][] = [
    ['(a+)+$', 'a'],
    ['^(a|aa)+$', 'a'],
    ['(x+x+)+y', 'x'],
    ['^(.*)*$', 'a'],
    ['(.*)=(.*);', '='],
    ['^[a-z]+[a-z]+[a-z]+$', 'a'],
    ['^a*a*b$', 'a'],
    ['^[^@]+@[^@]+\\.[a-z]+$', '@.'],
    ['(\\d+)*x', '1'],
    ['^.*a[a-z]*$', 'a'],
    ['^\\s+|\\s+$', ' '],
    ['^a{0,50}a{0,50}$', 'a'],
    ['^[a-z]+-[0-9]+$', 'a'],
    ['^x?y?z?[a-z]*q$', 'z'],
  ]
  for (const [source, unit] of attacks) {
    const compiled = compilePattern(source)
    for (const input of [`${unit.repeat(1 << 19)}!`, unit.repeat(1 << 19)]) {
      const started = performance.now()
      compiled.test(input)
      assert.ok(
        performance.now() - started < 10_000,
        `${source} (${compiled.engine}) took ${performance.now() - started} ms`,
      )
    }
  }
})

test('what an automaton cannot do is refused with a sentence; what is no pattern is a syntax error', () => {
  for (const source of [
    '(?=a)',
    '(?!a)',
    '(?<=a)b',
    '(?<!a)b',
    '(a)\\1',
    '(?<n>a)\\k<n>',
    '\\ud800',
    '[\\udc00]',
    'a{1001}',
    '((a{100}){100})',
    '(?i:a)',
    '('.repeat(60) + 'a' + ')'.repeat(60),
    'a'.repeat(1001),
  ]) {
    assert.throws(
      () => compilePattern(source),
      (error: unknown) => error instanceof PatternRefused && error.message.endsWith('.'),
      source,
    )
  }
  for (const source of ['(', '[', 'a**', '\\', '{', '[b-a]'])
    assert.throws(() => compilePattern(source), SyntaxError, source)
})

test('the usual patterns run on the engine of the process', () => {
  for (const source of [
    '^[A-Z]{2}-[0-9]{4,}$',
    '^[a-z0-9-]+$',
    '^(DE|FR|US)$',
    '^o-[0-9]+$',
    '^[a-z]+-[0-9]+$',
    '^\\d{4}-\\d{2}$',
    '^[^@]+@[^@]+$',
  ]) {
    assert.equal(compilePattern(source).engine, 'native', source)
  }
})
