import { isUuid } from '../event/index.ts'
import { isFormat } from '../pdm/index.ts'
import type { Shape } from './shape.ts'

/** Why a member cannot be a property with a column of its own; undefined where it can. `taken`: names so far, folded. */
export function whyNoColumn(name: string, isTop: boolean, taken: ReadonlySet<string>): string | undefined {
  if (name === '') return 'has no name'
  if (name.startsWith('_')) return 'begins with "_", which is kept for Pulse\'s own columns'
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'has control characters in its name'
  if (Buffer.byteLength(name) > LONGEST_NAME) return `has a name longer than ${LONGEST_NAME} bytes`
  if (isTop && name.toLowerCase() === PARTITION_NAME) return "has the name of the table's partition value"
  if (taken.has(name.toLowerCase())) return 'differs from another one only in case'
  return undefined
}

const LONGEST_NAME = 255
const PARTITION_NAME = 'timestamp_day'

/** So many names, of which each object has few: they are data, not properties. */
const MANY = 50
const FEW_OF_THEM = 0.25

/** Whether the names of an object are themselves data (ids, days, or many that each object has few of): then it is a map. */
export function namesAreData({ members, objects }: Shape): boolean {
  const names = [...members.keys()]
  if (names.length >= 2 && names.every((name) => /^\d+$/.test(name) || isUuid(name) || isFormat('date', name)))
    return true
  const seen = [...members.values()].reduce((sum, member) => sum + member.seen, 0)
  return names.length > MANY && seen / (objects * names.length) < FEW_OF_THEM
}
