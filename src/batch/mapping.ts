import { Problem, type Fault } from '../problems/index.ts'

/** How rows that were not made for a dataset become its events. */
export interface Mapping {
  /** From a column or member of the file to the member of the event that it becomes. */
  readonly map: ReadonlyMap<string, string>
  /** Members that every event has, as text. */
  readonly set: ReadonlyMap<string, string>
  /** The column or member that holds the event's id, and is no part of its data. */
  readonly eventId: string | undefined
}

/** The parameters as they come: `map=timestamp=Flight Date`, each of `map` and `set` any number of times. */
export interface MappingGiven {
  readonly map?: string | readonly string[] | undefined
  readonly set?: string | readonly string[] | undefined
  readonly event_id?: string | readonly string[] | undefined
}

const MOST = 1_000

/** Reads the parameters. Throws `invalid_parameter` with a pointer to the one that cannot be used. */
export function readMapping(given: MappingGiven): Mapping {
  const faults: Fault[] = []
  const targets = new Set<string>()
  const pairs = (name: 'map' | 'set'): [member: string, value: string][] =>
    [given[name] ?? []].flat().flatMap((text, at) => {
      const fault = (message: string): [] => {
        faults.push({ pointer: `/${name}/${at}`, keyword: name, message })
        return []
      }
      const equals = text.indexOf('=')
      if (equals < 1) return fault(`must be <member>=<${name === 'map' ? 'column of the file' : 'constant'}>`)
      const member = text.slice(0, equals)
      if (targets.has(member)) return fault(`names the member ${JSON.stringify(member.slice(0, 80))} a second time`)
      targets.add(member)
      return [[member, text.slice(equals + 1)]]
    })
  const map = new Map<string, string>()
  for (const [member, column] of pairs('map')) {
    if (column !== '' && !map.has(column)) map.set(column, member)
    else
      faults.push({
        pointer: '/map',
        keyword: 'map',
        message: `must name a column, and each once: ${column.slice(0, 80)}`,
      })
  }
  const set = new Map(pairs('set'))
  if (map.size + set.size > MOST)
    faults.push({ pointer: '/map', keyword: 'map', message: `must not be more than ${MOST}` })
  const [eventId, second] = [given.event_id ?? []].flat()
  if (second !== undefined || eventId === '')
    faults.push({ pointer: '/event_id', keyword: 'event_id', message: 'must name one column or member of the file' })
  if (eventId !== undefined && map.has(eventId))
    faults.push({ pointer: '/event_id', keyword: 'event_id', message: 'names a column that is mapped to a member' })
  const [first] = faults
  if (first === undefined) return { map, set, eventId }
  throw new Problem('invalid_parameter', `${first.pointer} ${first.message}.`, { errors: faults })
}
