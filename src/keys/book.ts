import { timingSafeEqual } from 'node:crypto'
import type { Limits } from '../limits/index.ts'
import { Problem } from '../problems/index.ts'
import type { Store } from '../store/index.ts'
import { digestOf, keyIdOf } from './format.ts'
import type { OPERATE, Scope } from './scopes.ts'

/** Who shows a key. One frozen object a key, as long as it is known here. */
export interface KeyHolder {
  readonly id: string
  /** Undefined: the operator. */
  readonly tenantId: string | undefined
  readonly scopes: ReadonlySet<Scope | typeof OPERATE>
  /** What may be sent with it; null: as much as its tenant may. */
  readonly limits: Limits | null
}

export interface KeyBook extends AsyncDisposable {
  /**
   * Whose key this is. At once where it is known here, which nearly every request finds. Throws (or rejects with) `key_invalid`,
   * `dependency_away` where Postgres cannot say whether it still holds.
   */
  holderOf(text: string): KeyHolder | Promise<KeyHolder>
  /** It was changed through this process: what is known of it here no longer counts. */
  forget(id: string): void
}

interface Known {
  readonly holder: KeyHolder
  readonly digest: Buffer
  readonly expiresAtMs: number
}

interface BookOptions {
  /** Milliseconds since 1970, for expiry. */
  readonly clock: { now(): number }
  /** Milliseconds that never step back. */
  readonly now: () => number
}

/** Asked once a second what was changed; older than this, nothing that is known here is believed. Together: 2 s at most. */
const ASK_MS = 1_000
const BELIEVED_MS = 1_900
/** A change may be committed a while after its time was taken. */
const OVERLAP = '30 seconds'
const MOST_KNOWN = 50_000
/** An id that does not exist is remembered as long as it is believed, so that guesses do not become queries. */
const MOST_UNKNOWN = 10_000
const NOTE_USED_MS = 10_000
/** Where a key names its id: the digits are what is looked up, as they stand there. */
const ID_FROM = 'pulse_'.length
const ID_TO = ID_FROM + 32
const digitsOf = (id: string): string => id.replaceAll('-', '')

/**
 * The keys that this process has seen, kept true by one question a second for all of them, so that a revoked key is refused
 * everywhere within two seconds and a key that is used costs no query. Where Postgres does not answer that question, no key is
 * taken: it could have been revoked.
 */
export function openKeyBook(store: Store, { clock, now }: BookOptions): KeyBook {
  const known = new Map<string, Known>()
  const unknown = new Map<string, number>()
  const used = new Set<string>()
  let checkedAtMs = Number.NEGATIVE_INFINITY
  let since: string | undefined
  let asking: Promise<void> | undefined

  async function ask(): Promise<void> {
    const askedAtMs = now()
    const [answer] = await store.asSystem(
      (sql) =>
        sql.query<{ at: string; changed: string[] }>(
          `SELECT (clock_timestamp() - $2::interval)::text AS at, ARRAY(SELECT keys_changed($1::timestamptz)) AS changed`,
          [since ?? null, OVERLAP],
        ),
      { name: 'key' },
    )
    for (const id of answer?.changed ?? []) forget(id)
    since = answer?.at ?? since
    checkedAtMs = askedAtMs
  }
  const check = (): Promise<void> => (asking ??= ask().finally(() => (asking = undefined)))

  function forget(id: string): void {
    known.delete(digitsOf(id))
    unknown.delete(id)
  }

  async function load(id: string): Promise<Known | undefined> {
    const loadedAtMs = now()
    const checked = checkedAtMs
    const [row] = await store.asSystem(
      (sql) =>
        sql.query<{
          tenant_id: string | null
          scopes: Scope[]
          secret_hash: Buffer
          expires_at: Date | null
          limits: Limits | null
        }>('SELECT * FROM key_lookup($1)', [id]),
      { name: 'key' },
    )
    if (row === undefined) {
      if (unknown.size >= MOST_UNKNOWN) unknown.clear()
      unknown.set(id, loadedAtMs)
      return undefined
    }
    const { limits } = row
    const holder = Object.freeze({ id, tenantId: row.tenant_id ?? undefined, scopes: new Set(row.scopes), limits })
    const one = { holder, digest: row.secret_hash, expiresAtMs: row.expires_at?.getTime() ?? Number.POSITIVE_INFINITY }
    // A check that ended meanwhile may have told of its end, which this answer is too old to know: it counts once, and is not kept.
    if (checkedAtMs !== checked) return one
    if (known.size >= MOST_KNOWN) known.delete(known.keys().next().value as string)
    known.set(digitsOf(id), one)
    return one
  }

  function prove(text: string, one: Known): KeyHolder {
    // In constant time, whatever differs where.
    if (!timingSafeEqual(digestOf(text), one.digest)) throw invalid()
    if (clock.now() >= one.expiresAtMs) {
      throw new Problem('key_invalid', 'The key has expired: make a new one, or ask who gave it to you.')
    }
    used.add(one.holder.id)
    return one.holder
  }

  async function find(text: string, id: string): Promise<KeyHolder> {
    if (now() - checkedAtMs >= BELIEVED_MS) await check()
    const seen = known.get(digitsOf(id))
    if (seen !== undefined) return prove(text, seen)
    if (now() - (unknown.get(id) ?? Number.NEGATIVE_INFINITY) < BELIEVED_MS) throw invalid()
    const one = await load(id)
    if (one === undefined) throw invalid()
    return prove(text, one)
  }

  async function noteUsed(): Promise<void> {
    const ids = [...used]
    used.clear()
    if (ids.length > 0) await store.asSystem((sql) => sql.query('SELECT keys_used($1::uuid[])', [ids]), { name: 'key' })
  }

  // While Postgres is away requests are told so; what was used since is not worth a complaint of its own.
  const checking = setInterval(() => void (known.size > 0 && check().catch(() => undefined)), ASK_MS).unref()
  const noting = setInterval(() => void noteUsed().catch(() => undefined), NOTE_USED_MS).unref()

  return {
    holderOf(text) {
      // Whatever else the text may be, its digest tells: the form is looked at only where nothing is known.
      const one = known.get(text.slice(ID_FROM, ID_TO))
      if (one !== undefined && now() - checkedAtMs < BELIEVED_MS) return prove(text, one)
      const id = keyIdOf(text)
      if (id === undefined) throw invalid()
      return find(text, id)
    },
    forget,
    async [Symbol.asyncDispose]() {
      clearInterval(checking)
      clearInterval(noting)
      await noteUsed().catch(() => undefined)
    },
  }
}

const invalid = (): Problem =>
  new Problem('key_invalid', 'The key is not one that is valid here: it may be mistyped, revoked or of another system.')
