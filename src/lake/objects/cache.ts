import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'

/**
 * Local copies of immutable objects, bounded in bytes; the least recently used go first. Files that DuckDB has open stay
 * readable when they are removed (their blocks go when it closes them).
 */
interface FileCache {
  /** The local path of an object; `fetch` is asked once however many callers meet. */
  path(location: string, fetch: () => Promise<Uint8Array>): Promise<string>
}

interface Held {
  readonly path: string
  readonly bytes: number
}

export function fileCache(folder: string, mostBytes: number): FileCache {
  const held = new Map<string, Held>() // by file name, least recently used first
  const fetching = new Map<string, Promise<string>>()
  let total = 0
  let ready: Promise<void> | undefined

  /** Takes over what an earlier process left, oldest first. */
  async function open(): Promise<void> {
    await mkdir(folder, { recursive: true })
    const found: (Held & { name: string; at: number })[] = []
    for (const name of await readdir(folder)) {
      const path = join(folder, name)
      if (name.endsWith('.part')) await rm(path, { force: true })
      else {
        const { size, mtimeMs } = await stat(path)
        found.push({ name, path, bytes: size, at: mtimeMs })
      }
    }
    for (const { name, path, bytes } of found.toSorted((a, b) => a.at - b.at)) keep(name, { path, bytes })
    await shrink()
  }
  function keep(name: string, one: Held): void {
    held.set(name, one)
    total += one.bytes
  }
  async function shrink(): Promise<void> {
    for (const [name, one] of held) {
      if (total <= mostBytes || held.size === 1) return
      held.delete(name)
      total -= one.bytes
      await rm(one.path, { force: true })
    }
  }
  async function take(name: string, fetch: () => Promise<Uint8Array>): Promise<string> {
    await (ready ??= open())
    const known = held.get(name)
    if (known && (await stat(known.path).catch(() => undefined))) {
      held.delete(name)
      held.set(name, known)
      const now = new Date()
      await utimes(known.path, now, now).catch(() => {})
      return known.path
    }
    if (known) {
      held.delete(name)
      total -= known.bytes
    }
    const body = await fetch()
    const path = join(folder, name)
    const part = `${path}.${randomBytes(4).toString('hex')}.part`
    await writeFile(part, body)
    await rename(part, path)
    keep(name, { path, bytes: body.byteLength })
    await shrink()
    return path
  }
  return {
    path(location, fetch) {
      // The ending stays, for tools that go by it.
      const name = createHash('sha256').update(location).digest('hex').slice(0, 40) + extname(location)
      const running = fetching.get(name)
      if (running) return running
      const taking = take(name, fetch).finally(() => fetching.delete(name))
      fetching.set(name, taking)
      return taking
    },
  }
}
