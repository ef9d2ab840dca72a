import { setTimeout as sleep } from 'node:timers/promises'

/**
 * The soak's clients, in a process of their own so that what they keep is not counted as the system's. Each tenant has one that
 * numbers its events from 0: the id follows from tenant and number, so that everything sent is known by a count. A request
 * is sent again, the same, until it is accepted. Over the channel it answers `state`, and `stop` ends it.
 */
export interface LoadPlan {
  readonly baseUrl: string
  readonly seed: number
  readonly tenants: readonly { readonly id: string; readonly dataset: string }[]
  readonly perSecond: number
  readonly perRequest: number
}

export interface LoadState {
  /** Accepted events of each tenant: those numbered below, all of them. */
  readonly accepted: readonly number[]
  readonly requests: number
  /** What was sent again, by what was heard instead of 202. */
  readonly again: Readonly<Record<string, number>>
  /** What nobody should answer to a right request: it ends the soak. */
  readonly refused: readonly string[]
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0').slice(-digits)

/** The id of a tenant's event by its number. */
export const eventIdOf = (seed: number, tenant: number, number: number): string =>
  `${hex(tenant, 4)}${hex(Math.floor(number / 2 ** 16), 4)}-${hex(number % 2 ** 16, 4)}-8000-8000-${hex(seed, 12)}`

const PATIENCE_MS = 120_000
const AT_ONCE = 4

async function load(plan: LoadPlan): Promise<void> {
  let stopping = false
  const next = plan.tenants.map(() => 0)
  const again: Record<string, number> = {}
  const refused: string[] = []
  let requests = 0
  const state = (): LoadState => ({ accepted: next, requests, again, refused })

  async function deliver(tenant: number, first: number): Promise<void> {
    const { id, dataset } = plan.tenants[tenant] as LoadPlan['tenants'][number]
    const timestamp = new Date().toISOString()
    const body = Array.from({ length: plan.perRequest }, (_, more) =>
      JSON.stringify({
        dataset,
        event_id: eventIdOf(plan.seed, tenant, first + more),
        data: { timestamp, at: first + more, note: `event ${first + more} of tenant ${tenant}` },
      }),
    ).join('\n')
    const givesUpAt = performance.now() + PATIENCE_MS
    for (let tries = 0; ; tries += 1) {
      requests += 1
      const said = await fetch(`${plan.baseUrl}/v1/collect`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson', 'x-tenant-id': id },
        body,
        signal: AbortSignal.timeout(20_000),
      }).then(
        async (response) => {
          const text = await response.text()
          if (response.status === 202) return 'accepted'
          const code = /"code":\s*"(\w+)"/.exec(text)?.[1] ?? ''
          if (response.status < 500) refused.push(`${response.status} ${code}: ${text.slice(0, 200)}`)
          return `${response.status} ${code}`
        },
        (error: Error) => `no answer: ${(error.cause as { code?: string } | undefined)?.code ?? error.name}`,
      )
      if (said === 'accepted' || refused.length > 0) return
      again[said] = (again[said] ?? 0) + 1
      if (performance.now() > givesUpAt) return void refused.push(`${said}, for ${PATIENCE_MS / 1_000} s`)
      await sleep(Math.min(50 * 2 ** tries, 1_000))
    }
  }

  const everyMs = (1_000 * plan.perRequest * plan.tenants.length) / plan.perSecond
  async function client(tenant: number): Promise<void> {
    await sleep((everyMs * tenant) / plan.tenants.length)
    const waiting = new Set<Promise<void>>()
    for (let due = performance.now(), first = 0; !stopping && refused.length === 0;) {
      const pause = due - performance.now()
      if (pause > 0) await sleep(pause)
      due = Math.max(due + everyMs, performance.now() - everyMs) // what an outage took is not made up for
      if (waiting.size >= AT_ONCE) await Promise.race(waiting)
      const one = deliver(tenant, first).finally(() => waiting.delete(one))
      waiting.add(one)
      first += plan.perRequest
      next[tenant] = first
    }
    await Promise.all(waiting)
  }

  process.on('message', (asked) => {
    if (asked === 'state') process.send?.({ kind: 'state', state: state() })
    if (asked === 'stop') stopping = true
  })
  process.on('disconnect', () => process.exit(1))
  await Promise.all(plan.tenants.map((_, tenant) => client(tenant)))
  process.send?.({ kind: 'ended', state: state() }, undefined, undefined, () => process.exit(0))
}

if (import.meta.main) {
  process.once('message', (plan) => void load(plan as LoadPlan))
  process.send?.({ kind: 'ready' })
}
