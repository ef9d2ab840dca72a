import { AsyncLocalStorage } from 'node:async_hooks'

/** Who is asking: bound once at a door, known everywhere below it. */
interface TenantContext {
  /** Both absent where a request concerns no tenant of its own. */
  readonly tenantId?: string
  readonly tenantSlug?: string
  readonly requestId?: string
  /** Who changes what is changed here, as the audit names him: `key:<id>`, `operator:<id>`, `open`. */
  readonly actor?: string
  /** The span that is underway: lines name it, and the places' spans become its children where it is sampled. */
  readonly trace?: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean }
}

const asking = new AsyncLocalStorage<TenantContext>()

/** Runs `act` on behalf of a tenant; everything it awaits sees the same context. */
export const runWith = <T>(context: TenantContext, act: () => T): T => asking.run(context, act)

/** The tenant on whose behalf this code runs; `undefined` outside of `runWith`. */
export const currentContext = (): TenantContext | undefined => asking.getStore()

/** Where a span of what is done now belongs: the position that is under way, where its trace is kept. */
export const sampledTrace = (): TenantContext['trace'] => {
  const trace = asking.getStore()?.trace
  return trace?.sampled === true ? trace : undefined
}
