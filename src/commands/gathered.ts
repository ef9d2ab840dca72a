import type { Line } from './lines.ts'

/** Some events of a file that go in one request. */
export interface Batch {
  /** Where each began, in order. */
  readonly places: readonly number[]
  readonly body: Buffer
}

const MOST_EVENTS = 1_000
const MOST_BYTES = 2 << 20

/** Puts events together, 1,000 or 2 MiB at most. Each is wrapped into an event of `dataset` where one is named. */
export async function* batchesOf(lines: AsyncIterable<Line>, dataset: string | undefined): AsyncGenerator<Batch> {
  const before = Buffer.from(dataset === undefined ? '' : `{"dataset":${JSON.stringify(dataset)},"data":`)
  const after = Buffer.from(dataset === undefined ? '\n' : '}\n')
  let places: number[] = []
  let parts: Buffer[] = []
  let bytes = 0
  const take = (): Batch => {
    const batch = { places, body: Buffer.concat(parts as Uint8Array[]) }
    places = []
    parts = []
    bytes = 0
    return batch
  }
  for await (const { at, text } of lines) {
    if (places.length > 0 && (places.length === MOST_EVENTS || bytes + text.length > MOST_BYTES)) yield take()
    places.push(at)
    parts.push(before, text, after)
    bytes += before.length + text.length + after.length
  }
  if (places.length > 0) yield take()
}
