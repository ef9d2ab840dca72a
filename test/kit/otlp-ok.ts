import { once } from 'node:events'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Owner } from './postgres.ts'

/** temporary: until the OTLP sink is in */
export async function startSink(owner: Owner): Promise<{ url: string }> {
  const server = createServer()
  const sessions = new Set<import('node:http2').ServerHttp2Session>()
  server.on('session', (s) => sessions.add(s))
  server.on('stream', (stream) => {
    stream.on('error', () => undefined)
    stream.resume()
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(Buffer.from([0, 0, 0, 0, 0]))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  owner.after(() => {
    for (const s of sessions) s.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
