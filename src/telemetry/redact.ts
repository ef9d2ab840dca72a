/** Member names whose values never leave the process, at any depth that a log line has. */
const SECRET = /pass(word|phrase)?$|secret|token|authorization|cookie|api_?key|access_?key|private_?key|credential/i

/** Cuts what a sentence may carry by accident: passwords in URLs, bearer keys, `password=` pairs. */
export function scrub(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s@/]*@/gi, '$1:***@')
    .replace(/\b(bearer|basic)\s+[a-z0-9._~+/=-]+/gi, '$1 ***')
    .replace(/\b((?:pass(?:word)?|secret|token|[a-z_]*key)\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&]+)/gi, '$1***')
}

/** A copy of a log line's fields without secrets, at most four levels deep (lines have two). */
export function redact(fields: Readonly<Record<string, unknown>>, depth = 4): Record<string, unknown> {
  const clean: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) clean[name] = SECRET.test(name) ? '***' : redactValue(value, depth)
  }
  return clean
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return scrub(value)
  if (typeof value === 'bigint') return String(value)
  if (value === null || typeof value !== 'object') return value
  if (depth === 0) return '…'
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth - 1))
  return redact(value as Record<string, unknown>, depth - 1)
}
