import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Owner } from './postgres.ts'

/** The address of an HTTP server that answers as it is told, as long as the test lasts. */
export async function listening(owner: Owner, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  owner.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
