import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Owner } from './postgres.ts'

/** What the proxy does with the next COMMIT that passes. */
type Cut =
  | 'nothing'
  /** The COMMIT never reaches Postgres; the client's connection is cut. */
  | 'request'
  /** Postgres has answered COMMIT; the client never hears it, its connection is cut. */
  | 'answer'

interface PostgresProxy {
  /** The same URL through the proxy. */
  readonly url: string
  /** Acts on the next COMMIT, once. */
  cutNext(what: Exclude<Cut, 'nothing'>): void
  /** How many connections it has cut. */
  readonly cuts: number
  /** While true, new connections are closed at once and the present ones are cut. */
  away(is: boolean): void
  /** While true, everything is taken and nothing answered, as by a host that vanished: new connections, and words on the present ones. */
  swallow(is: boolean): void
}

const COMMIT_SENT = Buffer.from('COMMIT\0')

/**
 * A TCP proxy before Postgres that loses the answer to a COMMIT (or the COMMIT) exactly when asked,
 * which no signal to a process can time. It knows two words of the protocol: the text of the
 * statement and the tag of its completion, which are the same bytes.
 */
export async function openProxy(owner: Owner, url: string): Promise<PostgresProxy> {
  const target = new URL(url)
  const clients = new Set<Socket>()
  let next: Cut = 'nothing'
  let cuts = 0
  let isAway = false
  let isHole = false
  const server = createServer((client) => {
    if (isAway) return void client.destroy()
    const upstream = connect(Number(target.port), target.hostname)
    clients.add(client)
    let isWaiting = false
    const end = (): void => {
      clients.delete(client)
      client.destroy()
      upstream.destroy()
    }
    const cut = (): void => {
      next = 'nothing'
      cuts++
      end()
    }
    client.on('data', (chunk) => {
      if (isHole) return
      if (next !== 'nothing' && chunk.includes(COMMIT_SENT)) {
        if (next === 'request') return cut()
        isWaiting = true
      }
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (isHole) return
      if (isWaiting && chunk.includes(COMMIT_SENT)) return cut()
      if (!isWaiting) client.write(chunk)
    })
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  owner.after(() => {
    for (const client of clients) client.destroy()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return {
    url: Object.assign(new URL(url), { hostname: '127.0.0.1', port: String((server.address() as AddressInfo).port) })
      .href,
    cutNext: (what) => void (next = what),
    get cuts() {
      return cuts
    },
    swallow(is) {
      // What was swallowed is missing in every conversation that went on meanwhile.
      if (!is) for (const client of clients) client.destroy()
      isHole = is
    },
    away(is) {
      isAway = is
      if (is) for (const client of clients) client.destroy()
    },
  }
}
