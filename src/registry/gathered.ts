interface Waiting<T> {
  readonly promise: Promise<T | undefined>
  readonly resolve: (answer: T | undefined) => void
  readonly reject: (error: unknown) => void
}

/**
 * Asks for many things by few readings: one at a time, and whatever is asked for while one is under way
 * is read together by the next, `atMost` keys of it. So a flood of questions, even each for something
 * else that is not there, holds one connection, and nobody waits for more than the readings before his
 * own. A reading begins after all its askers asked: "not there" is never older than the question.
 */
export function gathered<T>(
  read: (keys: readonly string[]) => Promise<ReadonlyMap<string, T>>,
  atMost: number,
): (key: string) => Promise<T | undefined> {
  const waiting = new Map<string, Waiting<T>>()
  let reading = false

  async function readOn(): Promise<void> {
    reading = true
    // Those who ask in this very turn are together.
    await undefined
    while (waiting.size > 0) {
      const batch = [...waiting.entries()].slice(0, atMost)
      for (const [key] of batch) waiting.delete(key)
      try {
        const found = await read(batch.map(([key]) => key))
        for (const [key, { resolve }] of batch) resolve(found.get(key))
      } catch (error) {
        for (const [, { reject }] of batch) reject(error)
      }
    }
    reading = false
  }

  return (key) => {
    let asked = waiting.get(key)
    if (asked === undefined) waiting.set(key, (asked = Promise.withResolvers<T | undefined>()))
    if (!reading) void readOn()
    return asked.promise
  }
}
