import { setTimeout as delay } from 'node:timers/promises'
import type { Bus } from '../bus/index.ts'
import { systemClock } from '../event/index.ts'
import type { ObjectStore } from '../lake/index.ts'
import { CommitUnknown, type Store } from '../store/index.ts'
import { CANARY_DATASET, CANARY_SLUG } from '../tenancy/index.ts'
import { announce, type Announcements } from '../telemetry/index.ts'
import { expireFiles } from './expire.ts'
import { adoptPartitions } from './partitions.ts'
import { openRelay } from './relay.ts'
import { removeDays } from './removal.ts'
import {
  deleteSettledRecords,
  markSettled,
  pruneAudit,
  pruneFlushes,
  retainDeadLetters,
  rotateLedger,
} from './retain.ts'
import { sweep } from './sweep.ts'
import { takeTurn } from './turns.ts'

type MaintenanceTask = Announcements['upkeep.task.finished']['task']

interface UpkeepOptions {
  readonly store: Store
  readonly bus: Bus
  readonly objects: ObjectStore
  readonly settings: {
    readonly dedupDays: number
    readonly deadLetterDays: number
    readonly auditDays: number
    readonly busRetentionHours: number
    readonly snapshotsKeep: number
    readonly snapshotSeconds: number
    readonly readerGraceSeconds: number
  }
  /** The membership's name, asked anew each time: a worker that lost its lease goes on under another. */
  readonly worker: string | (() => string)
  readonly signal?: AbortSignal
}

interface Upkeep extends AsyncDisposable {
  /** Resolves when every task has ended. */
  readonly done: Promise<void>
  /**
   * When each task last ended well (milliseconds since 1970), be it another worker's turn; when this began, for those that
   * have not yet.
   */
  lastSuccess(): Iterable<readonly [MaintenanceTask, number]>
}

interface Task {
  readonly name: MaintenanceTask
  readonly everySeconds: number
  /** One worker does it for all. */
  readonly isForAll: boolean
  /** Answers true when there is more to do at once. */
  act(signal: AbortSignal): Promise<boolean>
}

const MARKS = 60

/**
 * Everything that nobody waits for, until the signal or disposal: relaying dead letters, sweeping
 * orphans, deleting expired files, forgetting settled records, rotating the ledger, retention, taking
 * the canary's old days out of its table. Each
 * task has its own loop, so that a slow one delays no other; a fault is announced and tried again
 * at the next interval.
 */
export function startUpkeep(options: UpkeepOptions): Upkeep {
  const stopping = new AbortController()
  const signal = options.signal === undefined ? stopping.signal : AbortSignal.any([options.signal, stopping.signal])
  const relay = openRelay(options.store, options.bus)
  const tasks = tasksOf(options, relay)
  const last = new Map(tasks.map(({ name }) => [name, systemClock.now()]))
  const succeeded = (task: Task): void => void last.set(task.name, systemClock.now())
  const done = Promise.all(tasks.map((task) => repeat(options.store, task, signal, succeeded))).then(() =>
    relay[Symbol.asyncDispose](),
  )
  return {
    done,
    lastSuccess: () => last.entries(),
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await done
    },
  }
}

function tasksOf(
  { store, bus, objects, settings, worker }: UpkeepOptions,
  relay: ReturnType<typeof openRelay>,
): readonly Task[] {
  const name = typeof worker === 'string' ? () => worker : worker
  const keepFlushesDays = Math.max(settings.deadLetterDays, settings.dedupDays * 2 + 1)
  const never =
    <T>(act: (signal: AbortSignal) => Promise<T>) =>
    async (signal: AbortSignal) => {
      await act(signal)
      return false
    }
  return [
    { name: 'relay', everySeconds: 1, isForAll: false, act: async (signal) => (await relay.turn(name(), signal)) > 0 },
    { name: 'sweep', everySeconds: 30, isForAll: true, act: never((signal) => sweep(store, objects, { signal })) },
    {
      name: 'expire',
      everySeconds: 15,
      isForAll: true,
      act: never((signal) => expireFiles(store, objects, { signal })),
    },
    {
      name: 'mark',
      everySeconds: Math.max(60, (settings.busRetentionHours * 3600) / MARKS), // at most some sixty marks a partition
      isForAll: true,
      act: never(() => markSettled(store)),
    },
    {
      name: 'forget',
      everySeconds: 60,
      isForAll: true,
      act: never(() => deleteSettledRecords(store, bus, settings.busRetentionHours)),
    },
    { name: 'partitions', everySeconds: 30, isForAll: true, act: never(() => adoptPartitions(store, bus)) },
    {
      name: 'retain',
      everySeconds: 600,
      isForAll: false, // at every start too: the days ahead must be there
      act: never(async () => {
        await retainDeadLetters(store, settings.deadLetterDays)
        await rotateLedger(store, settings.dedupDays)
        await pruneFlushes(store, keepFlushesDays)
        await pruneAudit(store, settings.auditDays)
      }),
    },
    {
      name: 'canary',
      everySeconds: 60,
      isForAll: false, // the owner of the tenant's first partition acts, the others find that they are not he
      act: never(() =>
        removeDays(
          {
            store,
            objects,
            worker: name(),
            retention: { keepSnapshots: settings.snapshotsKeep, keepMs: settings.snapshotSeconds * 1000 },
            graceSeconds: settings.readerGraceSeconds,
            now: () => systemClock.now(),
          },
          { tenant: CANARY_SLUG, dataset: CANARY_DATASET, keepDays: 1 },
        ),
      ),
    },
  ]
}

async function repeat(store: Store, task: Task, signal: AbortSignal, succeeded: (task: Task) => void): Promise<void> {
  while (!signal.aborted) {
    let hasMore = false
    const from = performance.now()
    const finished = (outcome: Announcements['upkeep.task.finished']['outcome']): void =>
      announce('upkeep.task.finished', { task: task.name, outcome, tookMs: performance.now() - from })
    try {
      const isOurTurn = !task.isForAll || (await takeTurn(store, task.name, task.everySeconds * 0.9))
      if (isOurTurn) hasMore = await task.act(signal)
      succeeded(task)
      finished(isOurTurn ? 'ok' : 'others_turn')
    } catch (error) {
      // Postgres, bus or lake being away is announced by whoever watches them; anything else is told here. What became of a
      // commit whose answer was lost does not matter: the next turn finds what is left to do.
      const isAway = error instanceof CommitUnknown || (error as { code?: string }).code === 'dependency_away'
      if (!signal.aborted) finished(isAway ? 'away' : 'failed')
      if (!isAway && !signal.aborted) {
        announce('process.defect', {
          where: `upkeep ${task.name}`,
          detail: (error as Error).message,
          stack: (error as Error).stack,
        })
      }
    }
    if (!hasMore) await delay(task.everySeconds * 1000, undefined, { signal }).catch(() => {})
  }
}
