import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from './metrics.ts'

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string | Uint8Array
}

interface SmallServer extends AsyncDisposable {
  readonly port: number
}

type Route = (request: IncomingMessage, rest: string) => Answer | Promise<Answer>
/**
 * Routes by path, without its slash at the end; GET and HEAD alone. A path that ends in `/*` takes whatever one segment
 * comes after it, as it was sent, and is handed it.
 */
type Routes = Readonly<Record<string, Route>>

/** More than any number of scrapers and probes; each holds an answer while it takes it. */
const MAX_CONNECTIONS = 512
/** An answer that was not taken by then is not waited for: whoever asked has gone, or does not read. */
const ANSWER_MS = 10_000

const plain = (status: number, body: string): Answer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body: `${body}\n`,
})
export const text = plain
export const json = (body: unknown): Answer => ({
  status: 200,
  contentType: 'application/json',
  body: `${JSON.stringify(body)}\n`,
})

/** What a scrape is answered, in the format that it asks for. */
export const metricsPage =
  (metrics: Pick<Metrics, 'exposition'>): Route =>
  async ({ headers }) => {
    const { contentType, bytes } = await metrics.exposition(headers.accept)
    return { status: 200, contentType, body: bytes }
  }

/**
 * A server for probes and scrapes: a handful of paths, no bodies, bounded in time. Rejects where the
 * port is taken, with a sentence that names it.
 */
export async function openServer(
  host: string,
  port: number,
  routes: Routes,
  { answerMs = ANSWER_MS }: { readonly answerMs?: number } = {},
): Promise<SmallServer> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 5_000, connectionsCheckingInterval: 5_000 },
    (request, response) => {
      const timer = setTimeout(() => request.socket.destroy(), answerMs).unref()
      response.once('close', () => clearTimeout(timer))
      void answer(routes, request, response)
    },
  )
  // A connection that says nothing, or sends half a request: nobody is owed one.
  server.setTimeout(answerMs)
  server.maxConnections = MAX_CONNECTIONS
  await listening(server, host, port)
  // Probes do not keep a process alive that has nothing else to do.
  server.unref()
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const given = await answerOf(routes, request)
  // No body is read here: the rest of one that was sent must not keep the connection.
  if (request.method !== 'GET' && request.method !== 'HEAD') response.setHeader('connection', 'close')
  response.writeHead(given.status, {
    'content-type': given.contentType,
    'content-length': Buffer.byteLength(given.body),
    'cache-control': 'no-store',
  })
  response.end(request.method === 'HEAD' ? undefined : given.body)
}

async function answerOf(routes: Routes, request: IncomingMessage): Promise<Answer> {
  const path = (request.url ?? '/').replace(/[?#].*$/, '').replace(/(?<=.)\/+$/, '')
  const { route, rest } = routeOf(routes, path)
  if (route === undefined) return plain(404, `There is ${Object.keys(routes).join(', ')}.`)
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'Only GET and HEAD.')
  try {
    return await route(request, rest)
  } catch (error) {
    return plain(500, error instanceof Error ? error.message : String(error))
  }
}

function routeOf(routes: Routes, path: string): { route: Route | undefined; rest: string } {
  if (Object.hasOwn(routes, path)) return { route: routes[path], rest: '' }
  const at = path.lastIndexOf('/')
  const open = `${path.slice(0, at)}/*`
  return { route: Object.hasOwn(routes, open) ? routes[open] : undefined, rest: path.slice(at + 1) }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE'
      reject(
        taken
          ? new Error(`Port ${port} on ${host} is taken: stop what uses it, or choose another port.`, { cause: error })
          : error,
      )
    })
    server.listen(port, host, () => resolve())
  })
}
