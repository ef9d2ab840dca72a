import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Owner } from './postgres.ts'

/** What becomes of one request on its way to the store or back. */
export type S3Fault =
  /** 503 SlowDown, and the store never hears of it. */
  | 'slow down'
  /** The connection is cut before the store hears of it. */
  | 'cut'
  /** The store has done it; its answer is lost with the connection. */
  | 'answer lost'
  /** Half of the answer's body, then the connection is cut. */
  | 'torn body'
  /** The head of the answer and half of its body, then nothing. */
  | 'silent body'
  /** Taken, and never answered. */
  | 'no answer'
  /** 404, although it is there. */
  | 'not yet known'
  /** 403 RequestTimeTooSkewed, with the store's time. */
  | 'clock skew'
  /** 501: the store has no conditional writes; other requests pass. */
  | 'unconditional'
  /** A second late. */
  | 'late'

interface Asked {
  readonly method: string
  readonly url: string
}

export interface S3Proxy {
  readonly endpoint: string
  /** Chosen anew for each request; nothing: it passes. */
  next: (asked: Asked) => S3Fault | undefined
  /** How often each fault happened. */
  readonly done: ReadonlyMap<S3Fault, number>
  readonly asked: readonly Asked[]
}

const LATE_MS = 1_000

/** An HTTP proxy before an S3 server that does to requests what networks and stores do. The signature stays: it names the proxy. */
export async function openS3Proxy(owner: Owner, endpoint: string): Promise<S3Proxy> {
  const target = new URL(endpoint)
  const done = new Map<S3Fault, number>()
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const one = { method: request.method ?? '', url: request.url ?? '' }
    asked.push(one)
    const chosen = proxy.next(one)
    const fault = chosen === 'unconditional' && request.headers['if-none-match'] === undefined ? undefined : chosen
    if (fault !== undefined) done.set(fault, (done.get(fault) ?? 0) + 1)
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    if (fault === 'cut') return void request.socket.destroy()
    if (fault === 'no answer') return void request.resume()
    const refusal = fault === undefined ? undefined : REFUSALS[fault]
    if (refusal !== undefined) return void refuse(request, response, refusal)
    setTimeout(() => pass(target, request, response, fault), fault === 'late' ? LATE_MS : 0)
  })
  const proxy: S3Proxy & { endpoint: string } = { endpoint: '', next: () => undefined, done, asked }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  owner.after(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return Object.assign(proxy, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

const REFUSALS: Readonly<Partial<Record<S3Fault, readonly [status: number, code: string]>>> = {
  'slow down': [503, 'SlowDown'],
  'not yet known': [404, 'NoSuchKey'],
  'clock skew': [403, 'RequestTimeTooSkewed'],
  unconditional: [501, 'NotImplemented'],
}

function refuse(request: IncomingMessage, response: ServerResponse, [status, code]: readonly [number, string]): void {
  request.resume().once('end', () => {
    response.writeHead(status, { 'content-type': 'application/xml', date: new Date().toUTCString() })
    response.end(
      request.method === 'HEAD' ? '' : `<Error><Code>${code}</Code><Message>as the test wants it</Message></Error>`,
    )
  })
}

function pass(target: URL, request: IncomingMessage, response: ServerResponse, fault: S3Fault | undefined): void {
  const onward = ask(
    { host: target.hostname, port: target.port, method: request.method, path: request.url, headers: request.headers },
    (answer) => {
      if (fault === 'answer lost') {
        answer.resume().once('end', () => request.socket.destroy())
        return
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      if (fault !== 'torn body' && fault !== 'silent body') return void answer.pipe(response)
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.once('end', () => {
        const body = Buffer.concat(parts)
        response.write(body.subarray(0, Math.floor(body.length / 2)), () => {
          if (fault === 'torn body') request.socket.destroy()
        })
      })
    },
  )
  onward.on('error', () => request.socket.destroy())
  request.pipe(onward)
}
