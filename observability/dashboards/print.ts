const WIDTH = 120

/** JSON for git: a value that fits on a line stands on one, every other has a line for each of its members. `before` is taken on its first. */
export function print(value: unknown, indent = '', before = 0): string {
  const flat = oneLine(value)
  if (indent.length + before + flat.length < WIDTH || value === null || typeof value !== 'object') return flat
  const inner = `${indent}  `
  const members = Array.isArray(value)
    ? value.map((item) => inner + print(item, inner))
    : entriesOf(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${print(item, inner, key.length + 4)}`)
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  return `${open}\n${members.join(',\n')}\n${indent}${close}`
}

function oneLine(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`
  const members = entriesOf(value).map(([key, item]) => `${JSON.stringify(key)}: ${oneLine(item)}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

/** What JSON would leave out is left out. */
const entriesOf = (value: object): [string, unknown][] =>
  Object.entries(value).filter(([, item]) => item !== undefined && typeof item !== 'function')
