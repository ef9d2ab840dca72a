import { countMembers, inspect, membersOf, pointerAt, repeatedMember } from '../event/index.ts'
import { Problem } from '../problems/index.ts'

/** Nesting of a body at all; definitions have limits of their own far below, with a sentence of their own. */
const MAX_DEPTH = 256

/**
 * Reads a control plane's JSON body: what `JSON.parse` would take silently is refused by name.
 * `__proto__` and the like become own members, as `JSON.parse` makes them. Throws `malformed`.
 */
export function parseJsonBody(bytes: Buffer): unknown {
  const found = inspect(bytes, 0, bytes.length, MAX_DEPTH)
  if (found.depth > MAX_DEPTH) throw malformed(`The body nests deeper than ${MAX_DEPTH} levels.`)
  let value: unknown
  try {
    value = JSON.parse(decode(bytes))
  } catch (error) {
    throw malformed(`The body is not JSON: ${(error as Error).message}.`)
  }
  if (found.loneSurrogateAt >= 0) {
    const pointer = pointerAt(bytes, 0, bytes.length, found.loneSurrogateAt)
    throw malformed(
      `A string holds half of a surrogate pair, which is no character (at ${pointer || 'the top'}).`,
      pointer,
    )
  }
  if (typeof value === 'object' && value !== null && countMembers(value) !== found.members) {
    const repeated = repeatedMember(bytes, 0, bytes.length)
    const name = repeated?.name ?? ''
    throw malformed(
      `An object has the member ${JSON.stringify(name)} twice (at ${repeated?.pointer ?? ''}).`,
      repeated?.pointer,
    )
  }
  return value
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Buffer): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new Error('it is not UTF-8')
  }
}

const malformed = (detail: string, pointer?: string): Problem =>
  new Problem(
    'malformed',
    detail,
    pointer === undefined ? {} : { errors: [{ pointer, keyword: 'json', message: detail }] },
  )

/** The text of a member at the top of a JSON body, as the client wrote it; undefined where there is none. */
export function memberText(bytes: Buffer, name: string): string | undefined {
  const member = membersOf(bytes, []).find((one) => one.key === name)
  return member === undefined ? undefined : bytes.toString('utf8', member.start, member.end)
}
