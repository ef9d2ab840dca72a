import { openHttp } from '../client/index.ts'
import { openInput } from './input.ts'
import type { Place } from './place.ts'
import { written, type Text } from './screen.ts'
import { tenantId } from './tenants.ts'
import { Mistaken, Refused, type Asked, type Call, type Verb } from './verb.ts'

/** Where a command writes. */
export interface Streams {
  /** Resolves when it is out. */
  write(text: string): Promise<void>
  complain(text: string): void
  /** Shows a line that the next one replaces; nothing where no person looks. */
  progress(line: string): void
  /** Takes the last of them away. */
  wipe(): void
  /** How wide the terminal is that shows it; undefined: it is none. */
  columns(of: 'stdout' | 'stderr'): number | undefined
  /** Acts before the process ends because somebody stopped it. */
  whenStopped(act: () => void): void
}

interface Typed {
  readonly verb: Pick<Verb, 'forTenant'>
  readonly given: readonly unknown[]
  readonly options: Readonly<Record<string, unknown>>
}

/** What a verb works with. The tenant is looked up once, at its first question. */
export function callOf(
  { verb, given, options }: Typed,
  { place, tenant, streams }: { readonly place: Place; readonly tenant: string | undefined; readonly streams: Streams },
): Call {
  const http = openHttp({ base: place.url, key: () => sendable(place.key(), 'The key') })
  const ifMatch = options['ifMatch'] as string | undefined
  const guarded = (method: string, { headers = {}, ...asked }: Asked): Asked => {
    const all = ifMatch === undefined || method === 'GET' ? headers : { ...headers, 'if-match': ifMatch }
    for (const [name, value] of Object.entries(all)) sendable(value, `What is sent as ${name}`)
    return { ...asked, headers: all }
  }
  const plainly: Call['hear'] = (method, path, asked = {}) =>
    http.ask(method, path + queryOf(asked), guarded(method, asked))
  const named = (options['tenant'] as string | undefined) ?? tenant
  let known: Promise<string> | undefined
  const note = (...text: Text): void => {
    streams.wipe()
    streams.complain(`${written(text, streams.columns('stderr')).trimEnd()}\n`)
  }
  const hear: Call['hear'] = async (method, path, asked = {}) => {
    if (!verb.forTenant || named === undefined) return plainly(method, path, asked)
    known ??= tenantId(plainly, named)
    return http.ask(method, path + queryOf(asked), { ...guarded(method, asked), tenantId: await known })
  }
  return {
    argument: (at) => (typeof given[at] === 'string' ? given[at] : ''),
    option: (name) => (typeof options[name] === 'string' ? options[name] : undefined),
    every: (name) => (Array.isArray(options[name]) ? (options[name] as string[]) : []),
    isGiven: (name) => options[name] !== undefined,
    hear,
    async ask(method, path, asked) {
      const answered = await hear(method, path, asked)
      if (answered.status >= 400) throw new Refused(answered)
      return answered
    },
    open: openInput,
    progress: (line) => streams.progress(line),
    note,
    ifStopped: (say) => streams.whenStopped(() => note(say())),
  }
}

/** What can stand in a header. Throws `Mistaken` where it cannot: HTTP has no way to say it. */
function sendable<T extends string | undefined>(text: T, what: string): T {
  if (text !== undefined && /[^\t\u0020-\u007e\u0080-\u00ff]/.test(text))
    throw new Mistaken(`${what} has a line's end or a character that no key, id or etag has: was it copied whole?`)
  return text
}

function queryOf({ query = {} }: Asked): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`
}
