import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { ServerUser } from './user.ts'

/**
 * Runs the server and ends it when its own standard input ends, which the kernel sees to even when
 * the parent is killed with -9. A shell, because it costs 1 MB where a second Node costs 40. Kept
 * to POSIX sh: a background job's input is /dev/null, hence descriptor 3. SIGINT is PostgreSQL's
 * fast shutdown. If the shell itself dies, the parent closes the pipe and the watcher still acts.
 */
const SCRIPT = `
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
( cat <&3 >/dev/null; kill -INT $server 2>/dev/null ) 2>/dev/null &
exec 3<&-
trap 'kill -INT $server 2>/dev/null' INT TERM
while kill -0 $server 2>/dev/null; do wait $server; code=$?; done
[ -n "$PULSE_KEEPER_REMOVES" ] && rm -rf "$PULSE_KEEPER_REMOVES"
exit $code
`

export type Kept = ChildProcessByStdio<Writable, null, Readable>

interface KeepOptions {
  readonly user: ServerUser | undefined
  readonly cwd: string
  /** A folder to delete when the server has ended: for tests' throwaway servers. */
  readonly removes?: string
}

/** Starts `command` under the keeper, in a process group of its own; its messages are on `stderr`. */
export function keep(command: readonly string[], { user, cwd, removes }: KeepOptions): Kept {
  return spawn('/bin/sh', ['-c', SCRIPT, 'pulse-postgres-keeper', ...command], {
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    cwd,
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
    env: {
      PATH: '/usr/bin:/bin',
      LC_ALL: 'C',
      TZ: 'UTC',
      ...(removes === undefined ? {} : { PULSE_KEEPER_REMOVES: removes }),
    },
  })
}
