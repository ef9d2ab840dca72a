import type { Buffer } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { Connection, Writer, type ConnectionOptions, type Reader } from '@platformatic/kafka'
import { whyClosed } from './causes.ts'
import { BusUnreachable, type BusSettings } from './port.ts'
import { API } from './wire/codes.ts'
import { WireReader } from './wire/reader.ts'
import { WireWriter } from './wire/writer.ts'

/**
 * What a connection is used for. Answers of one connection come in the order of its requests, so that a long poll
 * would hold up everything behind it: each use has a connection of its own.
 */
type Lane = string

/** A request in the words of `WireWriter`, and how its answer is read. */
export interface Message<T> {
  readonly key: number
  /** Versions that `write` and `read` know, and the first flexible one. */
  readonly least: number
  readonly most: number
  readonly flexibleFrom: number
  write(out: WireWriter, version: number): void
  read(body: WireReader, version: number): T
}

/** The broker is there but speaks no version of this call. */
export class CallUnsupported extends Error {
  override readonly name = 'CallUnsupported'
}

export interface Link {
  send<T>(message: Message<T>): Promise<T>
  /** The version that `send` would use. */
  versionOf(message: Message<unknown>): number
}

export interface Links extends AsyncDisposable {
  /** Nothing will ever be sent again. */
  readonly closed: boolean
  /** An open connection to `host:port` for this lane, made where there is none. Bounded by the connect timeout. */
  to(address: string, lane: Lane): Promise<Link>
}

const CONNECT_TIMEOUT_MS = 3000
/** Beyond the longest poll (30 s) and the longest publish timeout a caller waits for. */
export const REQUEST_SLACK_MS = 5000

/** Connections over the client's own `Connection`, which brings framing, TLS, SASL and timeouts. */
export function openLinks(settings: BusSettings, requestTimeoutMs: number, inFlight: number): Links {
  const links = new Map<string, Promise<{ link: Link; connection: Connection }>>()
  let closed = false
  let options: Promise<ConnectionOptions> | undefined

  async function open(address: string, key: string): Promise<{ link: Link; connection: Connection }> {
    const at = address.lastIndexOf(':')
    const host = address.slice(0, at).replace(/^\[|\]$/g, '')
    options ??= connectionOptions(settings, requestTimeoutMs, inFlight)
    const known = await options.catch((error: unknown) => {
      // A file that is put there later is found at the next attempt.
      options = undefined
      throw new BusUnreachable(`No connection to the broker ${address} can be made: ${whyClosed(error)}.`, {
        cause: error,
      })
    })
    // A server name is a name: RFC 6066 has no place for an address, and Node.js will refuse one.
    const connection = new Connection(settings.clientId, { ...known, tlsServerName: isIP(host) === 0 })
    const forget = (): void => {
      links.delete(key)
    }
    connection.on('error', forget)
    connection.on('close', forget)
    try {
      await connection.connect(host, Number(address.slice(at + 1)))
      const isExplained = (): boolean => closed || settings.sasl !== undefined
      const link = openLink(address, connection, await negotiate(connection), isExplained)
      // The session ends soon. Shown again on this connection, who we are would come between requests that are under
      // way, and Kafka refuses those (KIP-368): what is under way ends here, what comes next goes over a new one.
      connection.reauthenticate = () => {
        forget()
        link.retire()
      }
      return { link, connection }
    } catch (error) {
      forget()
      connection.close(() => undefined)
      throw new BusUnreachable(`The broker ${address} cannot be reached: ${whyClosed(error)}.`, { cause: error })
    }
  }

  return {
    get closed() {
      return closed
    },
    async to(address, lane) {
      if (closed) throw new BusUnreachable('The bus client is closed.')
      const key = `${lane} ${address}`
      let known = links.get(key)
      if (known === undefined) {
        known = open(address, key)
        links.set(key, known)
        known.catch(() => links.delete(key))
      }
      return (await known).link
    },
    async [Symbol.asyncDispose]() {
      closed = true
      const open = [...links.values()]
      links.clear()
      for (const each of open) {
        const made = await each.catch(() => undefined)
        await made?.connection.close().catch(() => undefined)
      }
    },
  }
}

async function connectionOptions(
  settings: BusSettings,
  requestTimeoutMs: number,
  inFlight: number,
): Promise<ConnectionOptions> {
  const { tls, sasl } = settings
  const file = (path: string | undefined): Promise<Buffer> | undefined =>
    path === undefined ? undefined : readFile(path)
  const [ca, cert, key] = await Promise.all([file(tls?.caFile), file(tls?.certFile), file(tls?.keyFile)])
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: requestTimeoutMs,
    maxInflights: inFlight,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...(ca === undefined ? {} : { ca }),
            ...(cert === undefined ? {} : { cert }),
            ...(key === undefined ? {} : { key }),
            rejectUnauthorized: tls.rejectUnauthorized ?? true,
          },
        }),
    ...(sasl === undefined ? {} : { sasl: { ...sasl } }),
  }
}

type Versions = ReadonlyMap<number, { readonly least: number; readonly most: number }>

/** A link that was handed out a moment ago is still used: it is closed no sooner. */
const RETIRED_MS = 1000

function openLink(
  address: string,
  connection: Connection,
  versions: Versions,
  isExplained: () => boolean,
): Link & { retire(): void } {
  let underway = 0
  let isRetired = false
  let hasAnswered = false
  const closeWhereIdle = (): void => {
    if (isRetired && underway === 0) connection.close(() => undefined)
  }

  const versionOf = (message: Message<unknown>): number => {
    const offered = versions.get(message.key)
    const version = Math.min(message.most, offered?.most ?? -1)
    if (offered === undefined || version < Math.max(message.least, offered.least)) {
      throw new CallUnsupported(`The broker does not offer API ${message.key} in a version that Pulse speaks.`)
    }
    return version
  }
  return {
    versionOf,
    async send(message) {
      const version = versionOf(message)
      underway += 1
      try {
        const answer = await exchange(connection, message, version)
        hasAnswered = true
        return answer
      } catch (error) {
        // A listener that asks who we are answers what it speaks, and then nothing to whoever does not say it.
        if (hasAnswered || isExplained()) throw error
        throw new BusUnreachable(`The broker ${address} did not answer: ${whyClosed(error)}.`, { cause: error })
      } finally {
        underway -= 1
        closeWhereIdle()
      }
    },
    retire() {
      setTimeout(() => {
        isRetired = true
        closeWhereIdle()
      }, RETIRED_MS).unref()
    },
  }
}

/** Asks for the versions; KIP-511: version 3, and version 0 of a broker that is too old for it. */
async function negotiate(connection: Connection): Promise<Versions> {
  const ask = (version: number): Promise<{ code: number; versions: Versions }> =>
    exchange(
      connection,
      {
        key: API.apiVersions,
        least: 0,
        most: 3,
        flexibleFrom: 3,
        write: (out, asked) => void (asked >= 3 ? out.string('pulse').string('1').tags() : undefined),
        read: readVersions,
      },
      version,
    )
  const answer = await ask(3)
  return answer.code === 0 ? answer.versions : (await ask(0)).versions
}

function readVersions(body: WireReader): { code: number; versions: Versions } {
  const code = body.int16()
  // A refusal comes in version 0, whatever was asked: nothing behind the code can be read here.
  if (code !== 0) return { code, versions: new Map() }
  const offered = body.structs(() => [body.int16(), { least: body.int16(), most: body.int16() }] as const)
  return { code, versions: new Map(offered) }
}

function exchange<T>(connection: Connection, message: Message<T>, version: number): Promise<T> {
  const flexible = version >= message.flexibleFrom
  const payload = (): Writer => {
    const out = new WireWriter(flexible)
    message.write(out, version)
    const writer = Writer.create()
    for (const part of out.parts()) writer.append(part)
    return writer
  }
  const read = (_correlationId: number, _key: number, _version: number, reader: Reader): T =>
    message.read(new WireReader(reader.buffer.buffer, flexible, reader.position), version)
  return new Promise((resolve, reject) => {
    connection.send(
      message.key,
      version,
      payload,
      read,
      flexible,
      flexible && message.key !== API.apiVersions,
      (error, answer) => {
        if (error === null || error === undefined) resolve(answer as T)
        else reject(error)
      },
    )
  })
}
