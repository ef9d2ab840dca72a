import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Who runs PostgreSQL, which refuses to run as root. */
export interface ServerUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** `undefined` when this process may run it itself; as root the `postgres` user, else `nobody`. */
export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = new Map<string, ServerUser>()
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name, , uid, gid] = line.split(':')
    if (name !== undefined && uid !== undefined && gid !== undefined)
      accounts.set(name, { name, uid: Number(uid), gid: Number(gid) })
  }
  return accounts.get('postgres') ?? accounts.get('nobody') ?? { name: 'nobody', uid: 65_534, gid: 65_534 }
}

/** Whether that user passes `test -x path` (a folder: may be entered; a file: may be run), ancestors included. */
export function canEnter(path: string, user: ServerUser | undefined): boolean {
  const asUser = user === undefined ? {} : { uid: user.uid, gid: user.gid }
  return spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', path], { ...asUser, cwd: '/', stdio: 'ignore' }).status === 0
}
