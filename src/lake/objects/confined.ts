import { dirname, join, normalize } from 'node:path'
import { LakeFault, type LakeFaultCode } from '../faults.ts'
import type { FileLayer } from './files.ts'

/**
 * Keeps what is done to files below one folder. A location is a text out of metadata that others can write, too: it may
 * climb out of the warehouse by `..`, and a folder or file below it may be a link that leads out. The warehouse
 * itself may be a link: an operator put it there.
 */
interface Confinement {
  /**
   * The path of a location. Throws `LakeFault`: `object_missing` for what is no local location, `store_refused` for what is
   * outside, or is spelled so that it may be.
   */
  pathOf(location: string): string
  /** The same for reading: what is outside is `object_missing`, because only the table that names it is broken, not the store. */
  readPathOf(location: string): string
  /** Throws `store_refused` where a folder on the way from the warehouse to `path` is a link, ENOENT where one is not there. */
  requireUnlinked(path: string): Promise<void>
  /** As `requireUnlinked`, and the file itself must be none either. */
  requireOwn(path: string): Promise<void>
}

export function confinedTo(root: string, files: FileLayer): Confinement {
  const below = root.endsWith('/') ? root : `${root}/`
  const refuse = (path: string, why: string, code: LakeFaultCode = 'store_refused'): LakeFault =>
    new LakeFault(code, `${path} ${why}: nothing outside the warehouse ${root} is read or written`)

  /** `path` is itself, whatever links lead to the warehouse. */
  async function requireReal(path: string): Promise<void> {
    const [realRoot, real] = await Promise.all([files.real(root), files.real(path)])
    if (real !== join(realRoot, path.slice(root.length))) throw refuse(path, 'lies behind a link')
  }

  function pathFor(location: string, code: LakeFaultCode): string {
    if (!location.startsWith('file:///')) throw new LakeFault('object_missing', `not a local location: ${location}`)
    const path = location.slice('file://'.length)
    if (path.startsWith(below) && normalize(path) === path && !path.includes('\0')) return path
    throw refuse(location, 'is no plain path below it', code)
  }

  return {
    pathOf: (location) => pathFor(location, 'store_refused'),
    readPathOf: (location) => pathFor(location, 'object_missing'),
    requireUnlinked: (path) => requireReal(dirname(path)),
    requireOwn: requireReal,
  }
}
