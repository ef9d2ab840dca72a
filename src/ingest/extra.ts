import { membersOf } from '../event/index.ts'
import type { Binding } from '../registry/index.ts'

const DATA = ['data']
const named = new WeakMap<Binding, ReadonlySet<string>>()

function namedBy(binding: Binding): ReadonlySet<string> {
  let keys = named.get(binding)
  if (keys === undefined) {
    keys = new Set(binding.shape.fields.map((field) => field.key))
    named.set(binding, keys)
  }
  return keys
}

/**
 * What of `data` the schema does not name, as an object in the client's own digits, quoted so that it
 * can stand in a line as the value of `_extra`; null where everything is named.
 */
export function extraOf(event: Buffer, binding: Binding): Buffer | null {
  const keys = namedBy(binding)
  let text = ''
  for (const member of membersOf(event, DATA)) {
    if (keys.has(member.key)) continue
    text += `${text === '' ? '{' : ','}${JSON.stringify(member.key)}:${event.toString('utf8', member.start, member.end)}`
  }
  return text === '' ? null : Buffer.from(JSON.stringify(`${text}}`))
}
