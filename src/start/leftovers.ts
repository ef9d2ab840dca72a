import { setTimeout as delay } from 'node:timers/promises'
import { identify } from '../store/index.ts'
import type { RunFile, RunningProcess } from './run-file.ts'

/** Children see that their parent is gone and end by themselves, after their drain. */
const PATIENCE_MS = 3_000

/** What of an earlier start still runs and may be ended: the same number, the same beginning, and our own command line. PostgreSQL is left to its own room. */
export const leftoversOf = (run: RunFile): readonly RunningProcess[] =>
  run.processes.filter((left) => {
    const now = identify(left.pid)
    return (
      left.name !== 'postgres' &&
      now !== undefined &&
      now.began === left.began &&
      now.command.includes(`main.ts ${left.name}`)
    )
  })

/** Ends what an earlier start left behind, gently first. Answers the names of what had to be ended. */
export async function endLeftovers(run: RunFile | undefined, patienceMs = PATIENCE_MS): Promise<string[]> {
  if (run === undefined) return []
  const ended = leftoversOf(run).map((left) => left.name)
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const left of leftoversOf(run)) signalGroup(left.pid, signal)
    for (const until = performance.now() + patienceMs; performance.now() < until && leftoversOf(run).length > 0;)
      await delay(25)
  }
  return ended
}

/** Each child leads a process group of its own. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // it has ended
  }
}
