import { randomBytes } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { LakeFault, type LakeFaultCode } from '../faults.ts'
import type { ObjectStore } from '../port.ts'
import { confinedTo } from './confined.ts'
import { diskFiles, type FileLayer } from './files.ts'

/**
 * Objects as files below a folder. A put writes a temporary file, syncs it, links it to its name
 * (which refuses to overwrite) and syncs the folder; a folder that is new is synced into its parent,
 * up to the warehouse. So what resolved survives a power cut, and a torn write never has a name.
 * The warehouse itself is made once: one that is gone later, or another folder (its disk was
 * unmounted), is away until it is back. Writing into a new one would hide what was committed.
 * Nothing outside of it is touched, and links below it are not followed (see `confinedTo`).
 */
export function localStore(root: string, files: FileLayer = diskFiles): ObjectStore {
  const { pathOf, readPathOf, requireUnlinked, requireOwn } = confinedTo(root, files)
  const folders = durableFolders(root, files, requireUnlinked)
  const syncFolder = sharedSync((path) => files.syncFolder(path))

  async function isOwnFolder(path: string): Promise<boolean> {
    try {
      await requireOwn(path)
      return true
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false
      throw fault(error, `cannot list ${path}`)
    }
  }

  async function place(location: string, write: (temporary: string) => Promise<void>): Promise<void> {
    const path = pathOf(location)
    const folder = dirname(path)
    // The temporary name carries the final one, so that whoever sweeps by name finds leftovers too.
    const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
    try {
      await folders.ensure(folder)
      try {
        await requireUnlinked(path)
        await write(temporary)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
        folders.forget(folder) // somebody removed the folder since: make it again, once
        await folders.ensure(folder)
        await write(temporary)
      }
      await files.link(temporary, path)
    } catch (error) {
      throw fault(error, `cannot write ${location}`)
    } finally {
      await files.unlink(temporary).catch(() => {})
    }
    await syncFolder(folder).catch((error: unknown) => {
      throw fault(error, `cannot sync the folder of ${location}`)
    })
  }

  return {
    async get(location, range) {
      try {
        const path = readPathOf(location)
        await requireOwn(path)
        return await files.read(path, range)
      } catch (error) {
        if (codeOf(error) === 'ENOENT') await folders.requireRoot()
        throw fault(error, `cannot read ${location}`)
      }
    },
    put: (location, body) => place(location, (temporary) => files.writeNew(temporary, body)),
    putFile: (location, localPath) =>
      place(location, async (temporary) => {
        try {
          await files.link(localPath, temporary)
        } catch (error) {
          // Another file system (a temporary folder in memory), or one without hard links.
          if (!['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP'].includes(codeOf(error))) throw error
          return await files.copyNew(localPath, temporary)
        }
        return await files.syncFile(temporary)
      }).then(() => files.unlink(localPath).catch(() => {})),
    async remove(location) {
      try {
        const path = pathOf(location)
        await requireUnlinked(path)
        await files.unlink(path)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw fault(error, `cannot remove ${location}`)
      }
    },
    async *list(prefix) {
      const start = pathOf(prefix)
      const top = start.endsWith('/') ? start.slice(0, -1) : dirname(start)
      if (!(await isOwnFolder(top))) return
      const open = [top]
      for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
        for (const entry of await entriesOf(files, folder)) {
          const path = join(folder, entry.name)
          if (entry.isDirectory()) {
            if (`${path}/`.startsWith(start) || start.startsWith(`${path}/`)) open.push(path)
          } else if (entry.isFile() && path.startsWith(start)) {
            const found = await files.stat(path).catch(() => undefined) // removed meanwhile
            if (found) yield { location: `file://${path}`, bytes: found.size, modifiedAtMs: found.mtimeMs }
          }
        }
      }
    },
    async localCopy(location) {
      const path = readPathOf(location)
      // What is not there, whoever opens it says.
      await requireOwn(path).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw fault(error, `cannot read ${location}`)
      })
      return path
    },
    async ping() {
      try {
        await folders.ensure(root)
        await folders.requireRoot()
      } catch (error) {
        throw fault(error, `the warehouse ${root} is not usable`)
      }
    },
  }
}

async function entriesOf(files: FileLayer, folder: string) {
  try {
    return await files.entries(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw fault(error, `cannot list ${folder}`)
  }
}

/**
 * Folders whose way down from the root is known to be durable. A folder that exists is not thereby
 * durable: another writer may have made it a moment ago and not synced its parent yet. So each
 * process syncs each folder's parent once.
 */
function durableFolders(root: string, files: FileLayer, requireUnlinked: (path: string) => Promise<void>) {
  const known = new Map<string, Promise<void>>()
  const MOST = 10_000
  /** The root's inode, once it is there. */
  let identity: number | undefined

  async function requireRoot(): Promise<void> {
    if (identity === undefined) return
    const now = await files.stat(root).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    })
    if (now?.ino === identity) return
    const how = now === undefined ? 'is gone' : 'is another folder than before'
    throw new LakeFault('store_away', `the warehouse ${root} ${how}: mount or restore it, or restart on what is there`)
  }

  async function settle(path: string): Promise<void> {
    const parent = dirname(path)
    if (parent === path) return
    if (path === root) {
      if (identity !== undefined) return requireRoot()
      await makeAll(parent)
    } else {
      await ensure(parent)
      await requireUnlinked(path)
    }
    await files.makeFolder(path)
    await files.syncFolder(parent)
    if (path === root) identity = (await files.stat(root)).ino
  }
  /** Above the warehouse: what is there is trusted, what is made is synced. */
  async function makeAll(path: string): Promise<void> {
    try {
      await files.stat(path)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      await makeAll(dirname(path))
      if (await files.makeFolder(path)) await files.syncFolder(dirname(path))
    }
  }
  function ensure(path: string): Promise<void> {
    if (path !== root && !path.startsWith(`${root}/`)) {
      return Promise.reject(new LakeFault('store_refused', `${path} is outside the warehouse ${root}`))
    }
    const before = known.get(path)
    if (before) return before
    const settling = settle(path)
    if (known.size >= MOST) known.clear()
    known.set(path, settling)
    settling.catch(() => known.delete(path))
    return settling
  }
  return {
    ensure,
    requireRoot,
    forget(path: string) {
      for (let at = path; at.startsWith(root) && at !== dirname(at); at = dirname(at)) known.delete(at)
    },
  }
}

/**
 * Callers that meet while a sync runs share the next one: a commit puts three files into one folder,
 * and a sync that began after a file was linked holds for that file.
 */
function sharedSync(sync: (path: string) => Promise<void>): (path: string) => Promise<void> {
  const running = new Map<string, { now: Promise<void>; next?: Promise<void> }>()
  function begin(path: string): Promise<void> {
    const slot: { now: Promise<void>; next?: Promise<void> } = { now: Promise.resolve() }
    slot.now = sync(path).finally(() => {
      if (running.get(path) === slot) running.delete(path)
    })
    running.set(path, slot)
    return slot.now
  }
  return (path) => {
    const slot = running.get(path)
    if (slot === undefined) return begin(path)
    slot.next ??= slot.now.then(
      () => begin(path),
      () => begin(path),
    )
    return slot.next
  }
}

const FAULTS: Readonly<Record<string, LakeFaultCode>> = {
  ENOENT: 'object_missing',
  EEXIST: 'object_exists',
  EACCES: 'store_refused',
  EPERM: 'store_refused',
  EROFS: 'store_refused',
  ENOSPC: 'store_refused',
  EDQUOT: 'store_refused',
  ENOTDIR: 'store_refused',
  ELOOP: 'store_refused',
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? ''
}

function fault(error: unknown, what: string): LakeFault {
  if (error instanceof LakeFault) return error
  return new LakeFault(FAULTS[codeOf(error)] ?? 'store_away', `${what}: ${(error as Error).message}`, error)
}
