/** Member names whose values never leave the process, at any depth that a log line has. */
const SECRET =
  /pass(word|phrase|wd)?$|secret|token|authorization|cookie|api_?key|access_?key|private_?key|credential|signature/i
/** Members that may hold what a client sent: an event's bytes, a header, a row. */
const PAYLOAD = new Set(['body', 'data', 'value', 'payload', 'headers', 'event_data', 'row', 'key', 'raw'])
const CUT = '***'

/** What one sentence may be long. A log store refuses lines beyond 256 KiB; a stack has a bound of its own. */
const MOST_TEXT = 4_096
/** Nothing beyond is looked at: it is cut anyway, and patterns cost by length. */
const MOST_LOOKED_AT = 65_536

/**
 * Each pattern takes time linear in the text: what stands before `://` is bounded, and no two
 * repetitions of one pattern can match the same character.
 */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // Passwords in URLs; a user alone is a token as often as a name.
  [/([a-z][a-z0-9+.-]{0,20}:\/\/[^\s:@/"']{0,256}):[^\s@"']{1,1024}@/gi, `$1:${CUT}@`],
  [/([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s:@/"'*]{16,256}@/gi, `$1${CUT}@`],
  [/\b(bearer|basic|digest)\s+[a-z0-9._~+/=-]+/gi, `$1 ${CUT}`],
  // `password=x`, `"api_key": "x"`, `X-Amz-Signature=x`, `sasl.password: x`
  [
    /\b((?:pass(?:word|phrase|wd)?|secret|token|signature|sig|credential|cookie|[a-z_]{0,32}key|[a-z_]{0,32}(?:password|secret|token))["']?\s{0,4}[=:]\s{0,4})("[^"]*"|'[^']*'|[^\s,;&"')}\]]+)/gi,
    `$1${CUT}`,
  ],
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, CUT],
  // A key of Pulse's wherever it stands: whose it is may be said.
  [/\b(pulse_[0-9a-f]{32})_[0-9a-f]{64}/g, `$1_${CUT}`],
  // A JSON web token wherever it stands.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?/g, CUT],
  // V8 quotes what it could not parse: an event's own bytes.
  [
    /(Unexpected (?:token|string|number|non-whitespace)[^"]{0,80}), (?:\.\.\.)?"[\s\S]*?"(?:\.\.\.)? is not valid JSON/g,
    '$1',
  ],
  // Postgres quotes values of a row.
  [/(Key \([^)]{0,256}\)=)\([\s\S]*?\)/g, `$1(${CUT})`],
  [/(invalid input syntax for type [a-z ]{1,40}: )"[\s\S]*?"/g, `$1"${CUT}"`],
]

/** What every pattern needs at least one of. Ids, slugs and most sentences have none, and are done with at once. */
const SUSPECT = /[@=:"']|bearer|basic|digest|eyJ|pulse_|-----BEGIN/i

/** Cuts what a sentence may carry by accident: passwords in URLs, bearer keys, `password=` pairs, quoted input. */
export function scrub(text: string, most = MOST_TEXT): string {
  let clean = text.length > MOST_LOOKED_AT ? text.slice(0, MOST_LOOKED_AT) : text
  if (SUSPECT.test(clean)) for (const [pattern, instead] of PATTERNS) clean = clean.replace(pattern, instead)
  return clean.length > most ? `${clean.slice(0, most)}… (${text.length} characters)` : clean
}

/** Shorter values would cut ordinary words out of sentences. */
const LEAST_SECRET = 6

/** `scrub`, and every occurrence of a secret that this process itself holds: as it is, and as URLs spell it. */
export function scrubberOf(secrets: readonly string[] = []): typeof scrub {
  const known = [...new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]))]
    .filter((secret) => secret.length >= LEAST_SECRET)
    .sort((one, other) => other.length - one.length)
  if (known.length === 0) return scrub
  return (text, most) =>
    scrub(
      known.reduce((clean, secret) => clean.replaceAll(secret, CUT), text),
      most,
    )
}

const MOST_STACK = 8_192

/** A copy of a log line's fields without secrets and payloads, at most four levels deep (lines have two). */
export function redact(
  fields: Readonly<Record<string, unknown>>,
  scrubbed: typeof scrub = scrub,
  depth = 4,
): Record<string, unknown> {
  const clean: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue
    clean[name] = SECRET.test(name) || PAYLOAD.has(name) ? CUT : redactValue(value, scrubbed, depth, name)
  }
  return clean
}

function redactValue(value: unknown, scrubbed: typeof scrub, depth: number, name: string): unknown {
  if (typeof value === 'string') return scrubbed(value, name === 'stack' ? MOST_STACK : MOST_TEXT)
  if (typeof value === 'bigint') return String(value)
  if (value === null || typeof value !== 'object') return value
  if (depth === 0) return '…'
  if (Array.isArray(value)) return value.map((item) => redactValue(item, scrubbed, depth - 1, name))
  return redact(value as Record<string, unknown>, scrubbed, depth - 1)
}
