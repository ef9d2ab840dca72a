import { connect, type Socket } from 'node:net'
import { eventAt } from './events.ts'

/**
 * The load, in a process of its own so that its CPU is not the server's: keep-alive connections,
 * one request at a time on each, raw sockets because a full HTTP client costs as much as the server
 * that is measured. Arguments: port, tenant, dataset, connections, seconds, events a request,
 * total events (0 = until the time is up), events/s (0 = as fast as answered). Prints one JSON line.
 */
const [port, tenant, dataset, connections, seconds, perRequest, total, rate] = process.argv.slice(2)
const settings = {
  port: Number(port),
  tenant: String(tenant),
  dataset: String(dataset),
  connections: Number(connections),
  seconds: Number(seconds),
  perRequest: Number(perRequest),
  total: Number(total ?? 0),
  rate: Number(rate ?? 0),
}

const POOL = settings.perRequest === 1 ? 2_000 : 40
const requests = Array.from({ length: POOL }, (_, at) => requestAt(at))
const latencies: number[] = []
let sent = 0
let accepted = 0
let refused = 0
let lastRefusal = ''
const startedAt = performance.now()
const endsAt = startedAt + settings.seconds * 1_000

function requestAt(at: number): Buffer {
  const lines = Array.from({ length: settings.perRequest }, (_, line) =>
    eventAt(at * settings.perRequest + line, settings.dataset),
  )
  const body = lines.join('\n')
  const type = settings.perRequest === 1 ? 'application/json' : 'application/x-ndjson'
  return Buffer.from(
    `POST /v1/collect HTTP/1.1\r\nhost: 127.0.0.1\r\nx-tenant-id: ${settings.tenant}\r\n` +
      `content-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

const done = () => performance.now() >= endsAt || (settings.total > 0 && sent >= settings.total)

function drive(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let askedAt = 0
    let waiting = Buffer.alloc(0)
    const ask = () => {
      if (done()) {
        socket.end()
        resolve()
        return
      }
      if (settings.rate > 0) {
        const dueAt = startedAt + (sent / settings.rate) * 1_000
        const early = dueAt - performance.now()
        if (early > 1) {
          setTimeout(ask, early)
          return
        }
      }
      const request = requests[((sent / settings.perRequest) % POOL) | 0]
      sent += settings.perRequest
      askedAt = performance.now()
      if (request !== undefined) socket.write(request)
    }
    socket.on('data', (chunk) => {
      waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk])
      const headEnd = waiting.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const head = waiting.toString('latin1', 0, headEnd)
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (waiting.length < headEnd + 4 + length) return
      latencies.push(performance.now() - askedAt)
      if (head.startsWith('HTTP/1.1 202')) accepted += settings.perRequest
      else {
        refused += settings.perRequest
        lastRefusal = waiting.toString('utf8', 0, Math.min(waiting.length, 600))
      }
      waiting = Buffer.alloc(0)
      ask()
    })
    socket.on('error', reject)
    ask()
  })
}

const sockets = await Promise.all(
  Array.from(
    { length: settings.connections },
    () =>
      new Promise<Socket>((resolve, reject) => {
        const socket = connect({ port: settings.port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
        socket.once('error', reject)
      }),
  ),
)
await Promise.all(sockets.map(drive))
const tookSeconds = (performance.now() - startedAt) / 1_000
latencies.sort((a, b) => a - b)
const percentile = (p: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * p))] ?? 0
process.stdout.write(
  `${JSON.stringify({
    sent,
    accepted,
    refused,
    lastRefusal,
    tookSeconds,
    perSecond: accepted / tookSeconds,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
  })}\n`,
)
