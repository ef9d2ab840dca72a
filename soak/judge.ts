/**
 * What a soak's samples say. Pure: a test gives it a leak and hears of it.
 */

/** One thing that was looked at again and again, of one process or of the whole system. */
export interface Series {
  readonly name: string
  readonly unit: string
  /** In order; `atMs` since the soak began. */
  readonly samples: readonly { readonly atMs: number; readonly value: number }[]
  /** How much more it may be at the end than at the start: a share of it, and as much again. */
  readonly allowed: { readonly share: number; readonly plus: number }
  /** `median`, or what it came down to in between: the heap is only known after a collection. */
  readonly by: 'median' | 'least'
}

interface Verdict {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly limit: number
  readonly grew: boolean
  readonly unit: string
}

/** Fewer samples than this in each third say nothing. */
const LEAST_SAMPLES = 4

/** Compares the last third of a series with its first; undefined where it is too short to say anything. */
export function judge({ name, unit, samples, allowed, by }: Series): Verdict | undefined {
  const third = Math.floor(samples.length / 3)
  if (third < LEAST_SAMPLES) return undefined
  const of = (part: Series['samples']): number => {
    const values = part.map(({ value }) => value).sort((a, b) => a - b)
    return (by === 'least' ? values[0] : values[Math.floor(values.length / 2)]) as number
  }
  const [from, to] = [of(samples.slice(0, third)), of(samples.slice(-third))]
  const limit = from * (1 + allowed.share) + allowed.plus
  return { name, unit, from, to, limit, grew: to > limit }
}
