import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { API, CODE } from '../wire/codes.ts'
import { WireFault, WireReader } from '../wire/reader.ts'
import { WireWriter } from '../wire/writer.ts'
import type { Answer, BrokerView, ConnectionView } from './apis/call.ts'
import { APIS, versionsAnswer } from './apis/table.ts'

/** As Kafka's `socket.request.max.bytes`: a longer request is not one. */
const MAX_REQUEST_BYTES = 100 * 1024 * 1024
/** More requests under way than this stop the reading of the connection. */
const MAX_IN_FLIGHT = 64
/** Nothing more is read while this much waits for the journal: memory stays bounded however many produce. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024

interface Slot {
  /** The response's pieces once it is there; `[]`: nothing is sent. */
  parts: Buffer[] | undefined
}

/**
 * Serves one client: cuts the stream into requests, runs them side by side, and answers in the order of the requests, as
 * the protocol demands. So the produce requests that a client has in flight share one group of the journal.
 */
export function serveConnection(socket: Socket, broker: BrokerView, onDefect: (error: unknown) => void): void {
  const ended = new AbortController()
  const connection: ConnectionView = { signal: ended.signal, sessionIds: new Set() }
  const slots: Slot[] = []
  let held: Buffer[] = []
  let heldBytes = 0
  let neededBytes = 4
  let resumeTimer: NodeJS.Timeout | undefined

  socket.setNoDelay(true)
  socket.on('data', receive)
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    ended.abort()
    clearTimeout(resumeTimer)
    for (const id of connection.sessionIds) broker.sessions.end(id)
  })

  function receive(chunk: Buffer): void {
    held.push(chunk)
    heldBytes += chunk.length
    if (heldBytes < neededBytes) return
    let bytes = held.length === 1 ? chunk : Buffer.concat(held, heldBytes)
    for (;;) {
      neededBytes = 4
      if (bytes.length < 4) break
      const length = bytes.readInt32BE(0)
      if (length < 8 || length > MAX_REQUEST_BYTES) {
        socket.destroy()
        return
      }
      neededBytes = 4 + length
      if (bytes.length < neededBytes) break
      accept(bytes.subarray(4, neededBytes))
      bytes = bytes.subarray(neededBytes)
    }
    held = bytes.length === 0 ? [] : [bytes]
    heldBytes = bytes.length
    throttle()
  }

  function throttle(): void {
    if (!busy() || socket.isPaused() || socket.destroyed) return
    socket.pause()
    const look = (): void => {
      if (socket.destroyed) return
      if (busy()) resumeTimer = setTimeout(look, 2)
      else socket.resume()
    }
    resumeTimer = setTimeout(look, 1)
  }

  const busy = (): boolean =>
    slots.length >= MAX_IN_FLIGHT ||
    broker.engine.journal.waitingBytes > MAX_WAITING_BYTES ||
    socket.writableLength > MAX_WAITING_BYTES

  function accept(request: Buffer): void {
    const key = request.readInt16BE(0)
    const version = request.readInt16BE(2)
    const correlationId = request.readInt32BE(4)
    const api = APIS.get(key)
    const slot: Slot = { parts: undefined }
    slots.push(slot)
    const respond = (answer: Answer, flexible: boolean, tagged: boolean): void => {
      slot.parts = answer === null ? [] : encodeResponse(correlationId, answer, flexible, tagged)
      flush()
    }
    if (api === undefined || version < api.least || version > api.most) {
      // Only ApiVersions has an answer for a version from the future; anything else is a client that did not ask.
      if (key === API.apiVersions) respond(versionsAnswer(0, CODE.unsupportedVersion), false, false)
      else socket.destroy()
      return
    }
    const flexible = version >= api.flexibleFrom
    const tagged = flexible && key !== API.apiVersions
    void run(request, version, flexible, api.handler).then(
      (answer) => respond(answer, flexible, tagged),
      (error: unknown) => {
        // A request that is not what it says: the client's fault, and nothing can be answered to it.
        if (!(error instanceof WireFault)) onDefect(error)
        socket.destroy()
      },
    )
  }

  async function run(
    request: Buffer,
    version: number,
    flexible: boolean,
    handler: (call: {
      version: number
      body: WireReader
      broker: BrokerView
      connection: ConnectionView
    }) => Answer | Promise<Answer>,
  ): Promise<Answer> {
    // The client id is never compact, even in a flexible header.
    const header = new WireReader(request, false, 8)
    header.stringOrNull()
    const body = new WireReader(request, flexible, header.at)
    body.tags()
    return handler({ version, body, broker, connection })
  }

  function flush(): void {
    if (slots[0]?.parts === undefined || socket.destroyed) return
    socket.cork()
    while (slots[0]?.parts !== undefined) for (const part of (slots.shift() as Slot).parts ?? []) socket.write(part)
    socket.uncork()
  }
}

function encodeResponse(
  correlationId: number,
  answer: Exclude<Answer, null>,
  flexible: boolean,
  tagged: boolean,
): Buffer[] {
  const out = new WireWriter(flexible)
  out.int32(0).int32(correlationId)
  if (tagged) out.tags()
  answer(out)
  const length = out.length - 4
  const parts = out.parts()
  ;(parts[0] as Buffer).writeInt32BE(length, 0)
  return parts
}
