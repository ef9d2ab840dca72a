import type { Readable } from 'node:stream'
import type { Answered, Question } from '../client/index.ts'
import type { Text } from './screen.ts'

/** One verb of `pulse` that asks the API: what it is called, what it takes, what it does. Help, completion and the page are made of this. */
export interface Verb {
  /** `['tenant', 'create']`, or one word. */
  readonly words: readonly [string] | readonly [string, string]
  readonly says: string
  /** As Commander writes them: `<slug>` must be given, `[id]` may be, `<ids...>` are some. */
  readonly takes?: readonly { readonly name: string; readonly says: string }[]
  readonly options?: readonly Option[]
  /** Whether it acts for a tenant: then there is `--tenant`. */
  readonly forTenant: boolean
  /** Whether it changes one thing that may be somebody else's work meanwhile: then there is `--if-match`. */
  readonly isGuarded?: true
  /** What follows `pulse`. */
  readonly example: string
  act(call: Call): Promise<Said>
}

export interface Option {
  /** `--limit <n>`; with no value it is a flag. */
  readonly flags: string
  readonly says: string
  /** May be given again. */
  readonly isRepeated?: true
  readonly choices?: readonly string[]
}

/** What a verb says in the end. */
export interface Said {
  /** For machines: one JSON document, where it can be the API's own text. */
  readonly json: string
  /** For people. */
  readonly text: Text
  /** Not all that was asked was done: exit code 1. */
  readonly isPartial?: boolean
}

type Query = Readonly<Record<string, string | undefined>>

/** One call of a verb. */
export interface Call {
  /** The argument at a place; empty text where it was not given. */
  argument(at: number): string
  option(name: string): string | undefined
  /** Of an option that may be given again. */
  every(name: string): readonly string[]
  isGiven(name: string): boolean
  /** Asks for the tenant of the call, where the verb has one. Rejects with `Refused` (an answer of 400 and above), `Unanswered`. */
  ask(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, asked?: Asked): Promise<Answered>
  /** The same without refusing: whoever asks looks at the status. */
  hear(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, asked?: Asked): Promise<Answered>
  /** What was named on the command line: a file, or `-` for standard input. Rejects with `Mistaken`. */
  open(name: string): Promise<Readable>
  /** A line on standard error, over the one before where that is a terminal; nothing where it is none. */
  progress(line: string): void
  /** A line, or a table, on standard error that stays. */
  note(...text: Text): void
  /** The line to leave behind where somebody stops the command (Ctrl-C) before it is done: how to go on. */
  ifStopped(say: () => string): void
}
export interface Asked extends Omit<Question, 'tenantId'> {
  readonly query?: Query
}

/** What was typed cannot be done: exit code 2. The message is a sentence that says what to do. */
export class Mistaken extends Error {
  override readonly name = 'Mistaken'
}

/** The API refused: its problem document, or what stood in its place. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly answered: Answered
  constructor(answered: Answered) {
    super(`The API answered ${answered.status}.`)
    this.answered = answered
  }
}
