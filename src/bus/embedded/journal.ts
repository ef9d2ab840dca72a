import { Buffer } from 'node:buffer'
import type { FileLayer, JournalFile } from './files.ts'
import { FRAME_HEAD, GROUP_HEAD, KIND, sealFrame, writeGroupHead, type Kind } from './frames.ts'

/** Why nothing was written: the medium said no. What a client sees of it is `KAFKA_STORAGE_ERROR`. */
export class JournalFault extends Error {
  override readonly name = 'JournalFault'
}

/** One frame that a ticket wants in the journal. */
export interface Entry {
  readonly kind: Kind
  /** Of the body, without the frame's head. */
  readonly bodyBytes: number
  write(into: Buffer, at: number): void
  /** It is on the medium: its body lies at `position` of `segment`, and `body` is a view of it. */
  landed(segment: number, position: number, body: Buffer): void
  /** It is not: takes back what `prepare` assumed. Called in reverse order. */
  lost(): void
}

/** A request for durability. Tickets are served in order, and a ticket's frames are in one group: all or none. */
export interface Ticket {
  /** About how much it will write. */
  readonly bytes: number
  /** Decides, with everything before it decided, what to write. Called once, just before the write. */
  prepare(): readonly Entry[]
  settle(fault: JournalFault | null): void
}

export interface Segment {
  readonly no: number
  readonly file: JournalFile
  bytes: number
  /** Reads under way: the file is closed only after them. */
  readers: number
  removed: boolean
}

export interface Journal {
  readonly segments: ReadonlyMap<number, Segment>
  readonly active: Segment
  /** Bytes of all tickets that wait. */
  readonly waitingBytes: number
  readonly diskBytes: number
  /** Set once a sync failed: from then on nothing is accepted until the process is started anew. */
  readonly failed: JournalFault | undefined
  /** Makes sure that there is a segment to write to; rejects where the folder does not allow it. */
  begin(): Promise<void>
  commit(ticket: Ticket): void
  /** Removes a closed segment; its file goes when the last read of it is over. */
  remove(no: number): Promise<void>
  release(segment: Segment): void
  close(): Promise<void>
}

export interface JournalOptions {
  readonly files: FileLayer
  readonly segments: Segment[]
  readonly nextSequence: number
  readonly segmentBytes: number
  /** The body of the checkpoint that begins the next segment. */
  readonly checkpoint: () => Buffer
  /** After each group, once all its frames have landed. */
  readonly onGroup: () => void
  readonly onFault: (fault: JournalFault) => void
}

/** A group larger than this waits for the next sync: it bounds the memory of one write. */
const GROUP_BYTES = 16 * 1024 * 1024

export const segmentName = (no: number): string => `${String(no).padStart(10, '0')}.journal`
export const segmentNumber = (name: string): number | undefined =>
  /^\d{10}\.journal$/.test(name) ? Number(name.slice(0, 10)) : undefined

/**
 * The one writer of the embedded bus. Whatever waits when a sync ends is the next group: one write and one sync for all
 * partitions together, however many they are; the busier it is, the larger the groups.
 *
 * A failed write is taken back and only its group is refused. A failed sync is final: the kernel may have dropped the
 * pages and call the next sync a success (PostgreSQL's "fsyncgate", 2018), so that no later answer could be believed.
 */
export function openJournal(options: JournalOptions): Journal {
  const segments = new Map(options.segments.map((segment) => [segment.no, segment]))
  let active = options.segments.at(-1)
  /** Where the active segment's records begin: a segment is left only for one that takes more. */
  let activeStart = 0
  let sequence = options.nextSequence
  let queue: Ticket[] = []
  let waitingBytes = 0
  let failed: JournalFault | undefined
  let closed = false
  let running: Promise<void> | undefined

  function refuse(tickets: readonly Ticket[], fault: JournalFault): void {
    for (const ticket of tickets) ticket.settle(fault)
  }

  function take(): Ticket[] {
    let bytes = 0
    let count = 0
    while (count < queue.length && (count === 0 || bytes + (queue[count] as Ticket).bytes <= GROUP_BYTES)) {
      bytes += (queue[count] as Ticket).bytes
      count += 1
    }
    const taken = count === queue.length ? queue : queue.slice(0, count)
    queue = count === queue.length ? [] : queue.slice(count)
    waitingBytes -= bytes
    return taken
  }

  /** Everything queued, group after group. Never rejects. */
  async function run(): Promise<void> {
    while (queue.length > 0) {
      const tickets = take()
      if (failed !== undefined) {
        refuse(tickets, failed)
        continue
      }
      const segment = await segmentFor(tickets)
      if (segment instanceof JournalFault) refuse(tickets, segment)
      else await write(tickets, segment)
    }
    // In the same turn as the last look at the queue: a ticket that comes later starts a new run.
    running = undefined
  }

  async function write(tickets: readonly Ticket[], segment: Segment): Promise<void> {
    const entries: Entry[] = []
    for (const ticket of tickets) for (const entry of ticket.prepare()) entries.push(entry)
    if (entries.length > 0) {
      const { bytes, bodies } = encodeGroup(entries, sequence, segment.bytes)
      const fault = await persist(segment, bytes)
      if (fault !== undefined) {
        for (const entry of entries.reverse()) entry.lost()
        refuse(tickets, fault)
        return
      }
      const start = segment.bytes
      sequence += 1
      segment.bytes += bytes.length
      entries.forEach((entry, index) => {
        const at = bodies[index] as number
        entry.landed(segment.no, start + at, bytes.subarray(at, at + entry.bodyBytes))
      })
    }
    for (const ticket of tickets) ticket.settle(null)
    options.onGroup()
  }

  async function persist(segment: Segment, bytes: Buffer): Promise<JournalFault | undefined> {
    try {
      await segment.file.write(bytes, segment.bytes)
    } catch (error) {
      const fault = new JournalFault(`The journal could not be written: ${sentence(error)}`, { cause: error })
      options.onFault(fault)
      try {
        await segment.file.truncate(segment.bytes)
      } catch (second) {
        fail(`The journal could not be written, nor cut back: ${sentence(second)}`, second)
      }
      return fault
    }
    try {
      await segment.file.sync()
    } catch (error) {
      return fail(
        `The journal could not be synced: ${sentence(error)}. Start the bus again once the disk is well`,
        error,
      )
    }
    return undefined
  }

  function fail(detail: string, cause: unknown): JournalFault {
    failed = new JournalFault(detail, { cause })
    options.onFault(failed)
    return failed
  }

  async function segmentFor(tickets: readonly Ticket[]): Promise<Segment | JournalFault> {
    let bytes = 0
    for (const ticket of tickets) bytes += ticket.bytes
    if (active === undefined) return rotate()
    return active.bytes <= activeStart || active.bytes + bytes <= options.segmentBytes ? active : rotate()
  }

  /** Begins a segment with a checkpoint, synced together with its name, before anything else is written to it. */
  async function rotate(): Promise<Segment | JournalFault> {
    const no = (active?.no ?? 0) + 1
    const name = segmentName(no)
    let file: JournalFile | undefined
    try {
      const body = options.checkpoint()
      const { bytes } = encodeGroup([checkpointEntry(body)], sequence, 0)
      file = await options.files.create(name)
      await file.write(bytes, 0)
      await file.sync()
      await options.files.syncFolder()
      sequence += 1
      active = { no, file, bytes: bytes.length, readers: 0, removed: false }
      activeStart = bytes.length
      segments.set(no, active)
      return active
    } catch (error) {
      // Nothing is promised on the new file yet: without it the journal stands where it stood.
      await file?.close().catch(() => undefined)
      await options.files.remove(name).catch(() => undefined)
      const fault = new JournalFault(`A journal segment could not be begun: ${sentence(error)}`, { cause: error })
      options.onFault(fault)
      return fault
    }
  }

  function release(segment: Segment): void {
    segment.readers -= 1
    if (segment.removed && segment.readers === 0) segment.file.close().catch(() => undefined)
  }

  return {
    segments,
    get active() {
      if (active === undefined) throw new Error('the journal has no segment yet')
      return active
    },
    get waitingBytes() {
      return waitingBytes
    },
    get diskBytes() {
      let bytes = 0
      for (const segment of segments.values()) bytes += segment.bytes
      return bytes
    },
    get failed() {
      return failed
    },
    async begin() {
      if (active !== undefined) return
      const begun = await rotate()
      if (begun instanceof JournalFault) throw begun
    },
    commit(ticket) {
      if (closed) {
        ticket.settle(new JournalFault('The bus is stopping.'))
        return
      }
      queue.push(ticket)
      waitingBytes += ticket.bytes
      // Begun in a later turn, so that all requests of one turn of the event loop share the first group, too.
      running ??= new Promise<void>((resolve) => setImmediate(resolve)).then(run)
    },
    async remove(no) {
      const segment = segments.get(no)
      if (segment === undefined || segment === active) return
      segments.delete(no)
      segment.removed = true
      await options.files.remove(segmentName(no))
      segment.readers += 1
      release(segment)
    },
    release,
    async close() {
      closed = true
      while (running !== undefined) await running
      for (const segment of segments.values()) await segment.file.close().catch(() => undefined)
    },
  }
}

function checkpointEntry(body: Buffer): Entry {
  return {
    kind: KIND.checkpoint,
    bodyBytes: body.length,
    write: (into, at) => void body.copy(into, at),
    landed: () => undefined,
    lost: () => undefined,
  }
}

/** One group as bytes, and where each entry's body begins in them. */
export function encodeGroup(
  entries: readonly Entry[],
  sequence: number,
  syncedUpTo: number,
): { bytes: Buffer; bodies: number[] } {
  let size = GROUP_HEAD
  for (const entry of entries) size += FRAME_HEAD + entry.bodyBytes
  const bytes = Buffer.allocUnsafe(size)
  const bodies: number[] = []
  let at = GROUP_HEAD
  for (const entry of entries) {
    entry.write(bytes, at + FRAME_HEAD)
    sealFrame(bytes, at, FRAME_HEAD + entry.bodyBytes, entry.kind)
    bodies.push(at + FRAME_HEAD)
    at += FRAME_HEAD + entry.bodyBytes
  }
  writeGroupHead(bytes, 0, { sequence, syncedUpTo, bodyBytes: size - GROUP_HEAD, frames: entries.length })
  return { bytes, bodies }
}

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error))
