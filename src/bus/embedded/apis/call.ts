import type { Engine } from '../engine.ts'
import type { FetchSessions } from '../fetch-session.ts'
import type { WireReader } from '../../wire/reader.ts'
import type { WireWriter } from '../../wire/writer.ts'

/** One request as a handler sees it. */
export interface Call {
  readonly version: number
  readonly body: WireReader
  readonly broker: BrokerView
  readonly connection: ConnectionView
}

export interface BrokerView {
  readonly engine: Engine
  readonly host: string
  readonly port: number
  readonly sessions: FetchSessions
  readonly now: () => number
}

export interface ConnectionView {
  /** Ends when the connection does: a waiting fetch gives up. */
  readonly signal: AbortSignal
  /** Fetch sessions that this connection began. */
  readonly sessionIds: Set<number>
}

/** Writes the body of the response. `null`: the client wants none. */
export type Answer = ((out: WireWriter) => void) | null
type Handler = (call: Call) => Answer | Promise<Answer>

export interface ApiEntry {
  readonly least: number
  readonly most: number
  /** The first version with compact lengths and tagged fields. */
  readonly flexibleFrom: number
  readonly handler: Handler
}

export const NODE_ID = 1
