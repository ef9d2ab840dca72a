import { Problem } from '../problems/index.ts'
import type { Store } from '../store/index.ts'
import { save, type Rejection, type Run, type Saved, type Standing } from './record.ts'

/** Keeps a batch's standing: now and then while it runs, and once when it ends. */
interface Keeper extends Disposable {
  settled(standing: Standing, rejections: readonly Rejection[]): Promise<void>
  /** The last word. Rejects where Postgres cannot take it; then the standing that was kept before holds. */
  end(saved: Saved): Promise<void>
}

interface KeeperPlaces {
  readonly store: Store
  /** Asked with each save: rejects where whoever sends may not any more. */
  readonly isAllowed: () => Promise<void>
  readonly now: () => number
}

const EVERY_MS = 1_000
/** Rows that wait for the bus, or for their turn, settle nothing for a while: the batch is heard of all the same. */
const HEARTBEAT_MS = 15_000
/** Postgres may be away so long while a batch goes on: what is sent again after that is known by its ids. */
const PATIENCE_MS = 60_000

export function openKeeper({ store, isAllowed, now }: KeeperPlaces, run: Run): Keeper {
  let latest = run.from
  let waiting: Rejection[] = []
  let savedAt = now()
  let triedAt = savedAt

  /** Saves go one after another. */
  let saving: Promise<void> = Promise.resolve()

  function keep(saved: Saved): Promise<void> {
    saving = saving.catch(() => undefined).then(() => keepNow(saved))
    return saving
  }

  async function keepNow(saved: Saved): Promise<void> {
    const told = waiting
    triedAt = now()
    await save(store, run, latest, told, saved)
    waiting = waiting.slice(told.length)
    savedAt = now()
  }

  const heart = setInterval(() => {
    if (now() - triedAt >= HEARTBEAT_MS) keep(RUNNING).catch(() => undefined) // whoever settles next hears why
  }, HEARTBEAT_MS)
  heart.unref()

  return {
    async settled(standing, rejections) {
      latest = standing
      waiting.push(...rejections)
      if (now() - triedAt < EVERY_MS) return
      try {
        await isAllowed()
        await keep(RUNNING)
      } catch (error) {
        const isAway = error instanceof Problem && error.code === 'dependency_away'
        if (!isAway || now() - savedAt > PATIENCE_MS) throw error
      }
    },
    end(saved) {
      clearInterval(heart)
      return keep(saved)
    },
    [Symbol.dispose]: () => clearInterval(heart),
  }
}

const RUNNING: Saved = { status: 'running', isEnded: false }
