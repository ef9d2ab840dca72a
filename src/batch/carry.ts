import type { Verdict } from '../collect/index.ts'
import type { RefusedRow, RowEvent } from './events.ts'
import type { Row } from './place.ts'
import { MOST_REJECTIONS, type Rejection, type Standing } from './record.ts'
import { rejectionOf } from './rejection.ts'
import type { Chunk } from './rows.ts'

interface Carriage {
  readonly chunks: AsyncIterable<Chunk>
  readonly from: Standing
  /** For the rows after a place: a CSV file's columns are known once its head was read. */
  readonly make: (chunk: Chunk) => (row: Row) => RowEvent | RefusedRow
  readonly deliver: (events: readonly RowEvent[]) => Promise<readonly Verdict[]>
  /** Called when chunks are settled, with all of the batch up to there; it keeps what it wants of that. */
  readonly settled: (standing: Standing, rejections: readonly Rejection[]) => Promise<void>
  readonly most: { readonly events: number; readonly bytes: number }
}

/** Chunks under way at once: reading goes on while the bus answers. */
const AT_ONCE = 4

/** What is sent in one go, and what the batch's standing is once it and all before it are settled. */
interface Load {
  readonly rows: readonly (RowEvent | RefusedRow)[]
  readonly verdicts: Promise<readonly Verdict[]>
  /** The place after it; undefined in the middle of a chunk. */
  readonly after: Pick<Standing, 'offset' | 'place'> | undefined
}

/**
 * Carries a file's rows to the bus, some loads at once and settled in order, so that what is held is bounded and a standing says of
 * every row before it what became of it. Throws what reading or delivering meets; what was settled until then was told.
 */
export async function carry(carriage: Carriage): Promise<void> {
  const { chunks, from, make, deliver, settled, most } = carriage
  const flying: Load[] = []
  let standing = from
  /** Of the chunk that is under way: told with it, or, where it is not finished, with nothing. */
  let [accepted, rejected] = [0, 0]
  let rejections: Rejection[] = []

  /** A load that failed: nothing after it is settled, or it would be passed over. */
  let isStuck = false

  async function settleOne(): Promise<void> {
    isStuck = true
    await settleFirst(flying.shift() as Load)
    isStuck = false
  }

  async function settleFirst(load: Load): Promise<void> {
    const verdicts = await load.verdicts
    let next = 0
    for (const row of load.rows) {
      const verdict = 'text' in row ? (verdicts[next++] as Verdict) : undefined
      if (verdict?.status === 'accepted') accepted += 1
      else {
        rejected += 1
        if (standing.rejected + rejected <= MOST_REJECTIONS) rejections.push(rejectionOf(row, verdict))
      }
    }
    if (load.after === undefined) return
    standing = {
      accepted: standing.accepted + accepted,
      rejected: standing.rejected + rejected,
      ...load.after,
    }
    const told = rejections
    rejections = []
    accepted = rejected = 0
    await settled(standing, told)
  }

  try {
    for await (const chunk of chunks) {
      const of = make(chunk)
      const rows = chunk.rows.map(of)
      const loads = partsOf(rows, most)
      for (const [at, part] of loads.entries()) {
        if (flying.length >= AT_ONCE) await settleOne()
        const events = part.filter((row) => 'text' in row)
        const verdicts = events.length === 0 ? Promise.resolve([]) : deliver(events)
        verdicts.catch(() => undefined) // heard when its turn comes
        flying.push({ rows: part, verdicts, after: at === loads.length - 1 ? chunk : undefined })
      }
    }
  } catch (error) {
    // What was sent before the fault stands: it is settled first, and then the fault is told.
    if (!isStuck) await settleAll()
    throw error
  }
  await settleAll()

  async function settleAll(): Promise<void> {
    while (flying.length > 0) await settleOne()
  }
}

/** Always at least one part, so that a chunk without rows is settled, too. */
function partsOf(
  rows: readonly (RowEvent | RefusedRow)[],
  most: Carriage['most'],
): (readonly (RowEvent | RefusedRow)[])[] {
  const parts: (RowEvent | RefusedRow)[][] = [[]]
  let bytes = 0
  for (const row of rows) {
    const part = parts.at(-1) as (RowEvent | RefusedRow)[]
    const size = 'text' in row ? row.text.length : 0
    if (part.length > 0 && (part.length >= most.events || bytes + size > most.bytes)) {
      parts.push([row])
      bytes = size
    } else {
      part.push(row)
      bytes += size
    }
  }
  return parts
}
