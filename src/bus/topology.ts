import { createHash } from 'node:crypto'
import { causeOf } from './causes.ts'
import type { Link, Links, Message } from './links.ts'
import { CallUnsupported } from './links.ts'
import { BusUnreachable, type BusSettings } from './port.ts'
import { API, CODE } from './wire/codes.ts'
import { withinTime } from './within.ts'

export interface TopicRoute {
  readonly name: string
  readonly topicId: string
  /** By partition: the leader's `host:port`, `undefined` while there is none. */
  readonly leaders: readonly (string | undefined)[]
}

interface MetadataAnswer {
  readonly controller: string | undefined
  readonly brokers: readonly string[]
  readonly topics: readonly {
    readonly code: number
    readonly name: string | null
    readonly topicId: string
    readonly leaders: (string | undefined)[]
  }[]
}

/** Where topics live. Shared by publishers, readers and the admin of one bus. */
export interface Topology {
  /** What is known, without asking. */
  known(name: string): TopicRoute | undefined
  knownId(topicId: string): TopicRoute | undefined
  /**
   * Asks for these topics and answers those that exist. Calls made while one is under way share the next one.
   * Rejects with `BusUnreachable` where no broker answers.
   */
  refresh(names: Iterable<string>): Promise<ReadonlyMap<string, TopicRoute>>
  /** Asks again for everything that is known: nobody says that a topic was given more partitions. */
  renew(): Promise<void>
  forget(name: string): void
  /** A connection to any broker that answers, those that answered last first. */
  anyBroker(): Promise<Link>
  controller(): Promise<Link>
}

const NIL = '00000000-0000-0000-0000-000000000000'
/** Topics asked for in one request: a request for 2,000 names stays small. */
const ASK_AT_ONCE = 1000
/** Of one broker among several. Two thousand topics are answered within milliseconds. */
const ANSWER_MS = 2_500

export function openTopology(settings: BusSettings, links: Links, lane: string): Topology {
  const routes = new Map<string, TopicRoute>()
  const names = new Map<string, string>()
  let brokers: readonly string[] = settings.brokers
  let controllerAt: string | undefined
  let answeredLast: string | undefined
  let waiting: { names: Set<string>; answer: Promise<ReadonlyMap<string, TopicRoute>> } | undefined
  let asking: Promise<unknown> = Promise.resolve()

  /** What the first broker says that says anything, those that answered last first. */
  async function firstAnswer<T>(of: (link: Link) => Promise<T>): Promise<T> {
    const faults: unknown[] = []
    const order = new Set([...(answeredLast === undefined ? [] : [answeredLast]), ...brokers, ...settings.brokers])
    for (const address of order) {
      try {
        const answer = links.to(address, lane).then(of)
        // One that hangs is not waited for while there are others to ask.
        const value = await (order.size === 1 ? answer : withinTime(answer, ANSWER_MS))
        answeredLast = address
        return value
      } catch (error) {
        if (error instanceof CallUnsupported) throw error
        faults.push(error)
      }
    }
    throw new BusUnreachable(`No broker of ${settings.brokers.join(', ')} can be reached: ${causeOf(faults[0])}.`, {
      cause: new AggregateError(faults),
    })
  }
  const anyBroker = (): Promise<Link> => firstAnswer(async (link) => link)

  async function ask(wanted: readonly string[]): Promise<ReadonlyMap<string, TopicRoute>> {
    const found = new Map<string, TopicRoute>()
    for (let at = 0; at < Math.max(1, wanted.length); at += ASK_AT_ONCE) {
      const part = wanted.slice(at, at + ASK_AT_ONCE)
      const answer = await firstAnswer((link) => link.send(metadataMessage(part)))
      if (answer.brokers.length > 0) brokers = answer.brokers
      controllerAt = answer.controller
      for (const topic of answer.topics) {
        if (topic.name === null) continue
        const usable = topic.code === CODE.none || topic.code === CODE.leaderNotAvailable
        if (usable && topic.leaders.length > 0) found.set(topic.name, learn(topic.name, topic.topicId, topic.leaders))
        else forget(topic.name)
      }
    }
    return found
  }

  function learn(name: string, id: string, leaders: (string | undefined)[]): TopicRoute {
    // A broker before Metadata 10 knows no ids: then the name stands for the topic, as it does on that broker.
    const topicId = id === NIL ? idOfName(name) : id
    const route = { name, topicId, leaders }
    const before = routes.get(name)
    if (before !== undefined && before.topicId !== topicId) names.delete(before.topicId)
    routes.set(name, route)
    names.set(topicId, name)
    return route
  }

  function forget(name: string): void {
    const route = routes.get(name)
    if (route === undefined) return
    routes.delete(name)
    names.delete(route.topicId)
  }

  function refresh(wanted: Iterable<string>): Promise<ReadonlyMap<string, TopicRoute>> {
    if (waiting === undefined) {
      const gathered = new Set<string>()
      const answer = asking.then(() => {
        waiting = undefined
        const asked = ask([...gathered])
        asking = asked.catch(() => undefined)
        return asked
      })
      waiting = { names: gathered, answer }
    }
    for (const name of wanted) waiting.names.add(name)
    return waiting.answer
  }

  return {
    known: (name) => routes.get(name),
    knownId: (topicId) => {
      const name = names.get(topicId)
      return name === undefined ? undefined : routes.get(name)
    },
    refresh,
    async renew() {
      if (routes.size > 0) await refresh(routes.keys())
    },
    forget,
    anyBroker,
    async controller() {
      if (controllerAt === undefined) await ask([])
      return controllerAt === undefined ? anyBroker() : links.to(controllerAt, lane).catch(anyBroker)
    },
  }
}

/** A UUID made of a name (version 8: the digest is our own business). */
export function idOfName(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function metadataMessage(names: readonly string[]): Message<MetadataAnswer> {
  return {
    key: API.metadata,
    least: 4,
    most: 12,
    flexibleFrom: 9,
    write(out, version) {
      out.structs(names, (name) => {
        if (version >= 10) out.uuid(NIL)
        out.string(name)
      })
      out.bool(false)
      if (version >= 8 && version <= 10) out.bool(false)
      if (version >= 8) out.bool(false)
      out.tags()
    },
    read(body, version) {
      body.int32()
      const brokers = new Map(
        body.structs(() => {
          const node = body.int32()
          const address = `${body.string()}:${body.int32()}`
          body.stringOrNull()
          return [node, address] as const
        }),
      )
      body.stringOrNull()
      const controller = brokers.get(body.int32())
      const topics = body.structs(() => {
        const code = body.int16()
        const name = body.stringOrNull()
        const topicId = version >= 10 ? body.uuid() : NIL
        body.bool()
        const leaders: (string | undefined)[] = []
        body.structs(() => {
          body.int16()
          const index = body.int32()
          leaders[index] = brokers.get(body.int32())
          if (version >= 7) body.int32()
          body.values(() => body.int32())
          body.values(() => body.int32())
          if (version >= 5) body.values(() => body.int32())
        })
        if (version >= 8) body.int32()
        return { code, name, topicId, leaders }
      })
      return { controller, brokers: [...brokers.values()], topics }
    },
  }
}
