import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below Linux's and macOS's ephemeral ranges: a client that keeps trying to reach a port of those while nobody listens can end up connected to itself, and hold the port. */
const LOWEST = 20_000
const SPAN = 10_000
/** Processes that choose at the same moment choose apart: each begins in a part of the range that its number picks. */
const PARTS = 20
const PART = SPAN / PARTS
/** Given to somebody in this process, who may not listen yet: a few hundred at most, in tests. */
const given = new Set<number>()

/** Whether somebody could listen on it right now; else the errno. */
export function probePort(port: number, host = '127.0.0.1'): Promise<'free' | string> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve('free')))
  })
}

/** A TCP port that nobody listens on right now, `wanted` if it is free, otherwise none that was given before. Whoever takes it must be ready to lose it and ask again. */
export async function freePort(host = '127.0.0.1', wanted?: number): Promise<number> {
  if (wanted !== undefined && (await probePort(wanted, host)) === 'free') return wanted
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = attempt < 40 ? LOWEST + (process.pid % PARTS) * PART + randomInt(PART) : LOWEST + randomInt(SPAN)
    if (given.has(port) || (await probePort(port, host)) !== 'free') continue
    given.add(port)
    return port
  }
  throw new Error(`No free port was found on ${host}.`)
}
