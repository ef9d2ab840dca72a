import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Owner } from './postgres.ts'

/** An address that stays while what is behind it goes away and comes back elsewhere, as a virtual address or a DNS name does. */
interface MovingProxy {
  readonly port: number
  /** Connections are cut, and new ones refused as by a host without such a port. */
  refuse(): Promise<void>
  /** New connections go to this port of this machine. */
  leadTo(port: number): Promise<void>
}

export async function openMovingProxy(owner: Owner, firstPort: number): Promise<MovingProxy> {
  let to = firstPort
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(to, '127.0.0.1')
    open.add(client)
    const end = (): void => {
      open.delete(client)
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const refuse = async (): Promise<void> => {
    const closed = server.listening ? once(server, 'close') : undefined
    server.close()
    for (const socket of open) socket.destroy()
    await closed
  }
  owner.after(refuse)
  return {
    port,
    refuse,
    async leadTo(next) {
      to = next
      if (server.listening) return
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
  }
}
