import { subscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { chance, type Chance } from '../test/kit/seed.ts'

/** What happens to the connections that a process serves, as long as the order stands; shares are of 1. */
export interface Trouble {
  readonly seed: number
  /** Answers that are lost with their connection: the work was done. */
  readonly lost?: number
  /** Answers of which half arrives, before their connection is cut. */
  readonly torn?: number
  /** Connections that are cut in any ten milliseconds, in the middle of whatever they carry; 1: all of them are forgotten. */
  readonly cut?: number
  /** Each answer leaves up to so much later. */
  readonly delayMs?: number
}

const LOOK_MS = 10

/** Does to every connection that this process accepts what the order in the file says. */
export function troubleConnections(path: string): void {
  const open = new Set<Socket>()
  let order = ''
  let trouble: Trouble | undefined
  let luck: Chance = chance(0)
  subscribe('net.server.socket', (message) => {
    const { socket } = message as { socket: Socket }
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    const write = socket.write.bind(socket) as (...given: readonly unknown[]) => boolean
    const held: (readonly unknown[])[] = []
    socket.write = (...given: readonly unknown[]): boolean => {
      if (trouble === undefined && held.length === 0) return write(...given)
      const { lost = 0, torn = 0, delayMs = 0 } = trouble ?? {}
      if (luck.next() < lost) {
        socket.destroy()
        return false
      }
      const [bytes] = given
      if (luck.next() < torn) {
        if (typeof bytes === 'string' || Buffer.isBuffer(bytes))
          write(bytes.slice(0, bytes.length / 2), () => socket.destroy())
        else socket.destroy()
        return false
      }
      if (delayMs === 0 && held.length === 0) return write(...given)
      // Not corked: whoever ends an HTTP answer uncorks its connection. In order, however long each of them waits.
      held.push(given)
      setTimeout(
        () => {
          const first = held.shift()
          if (first !== undefined && socket.writable) write(...first)
        },
        luck.between(0, delayMs),
      )
      return true
    }
  })
  setInterval(() => {
    const before = order
    try {
      order = readFileSync(path, 'utf8')
    } catch {
      order = ''
    }
    if (order !== before) {
      trouble = order === '' ? undefined : (JSON.parse(order) as Trouble)
      luck = chance(trouble?.seed)
    }
    for (const socket of open) if (luck.next() < (trouble?.cut ?? 0)) socket.destroy()
  }, LOOK_MS).unref()
}
