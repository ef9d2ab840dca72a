import type { PublishFailure, PublishVerdict } from './port.ts'

/** One call of `publish`, until each of its records has a verdict. */
export interface PublishCall {
  readonly verdicts: (PublishVerdict | undefined)[]
  readonly deadlineMs: number
  undecided: number
  undecidedBytes: number
  /** Nothing more is done for it: all verdicts are there, or its time is over. */
  done: boolean
  readonly resolve: (verdicts: readonly PublishVerdict[]) => void
}

/** The calls that are open. One promise a call, none a record. */
export interface Calls {
  readonly pending: { readonly records: number; readonly bytes: number; readonly oldestAgoMs: number | undefined }
  readonly open: number
  begin(records: number): { readonly call: PublishCall; readonly answer: Promise<readonly PublishVerdict[]> }
  /** Counts a record of the call; all are counted before the first is decided. */
  count(call: PublishCall, bytes: number): void
  decide(call: PublishCall, slot: number, bytes: number, verdict: PublishVerdict): void
  /** Resolves when no call is open: within the timeout, since every call ends by then. */
  drained(): Promise<void>
}

/** `whyLate` answers what kept a call from being acknowledged, if somebody knows. */
export function openCalls(
  timeoutMs: number,
  nowMs: () => number,
  whyLate: (call: PublishCall) => PublishFailure | undefined,
): Calls {
  const open = new Set<PublishCall>()
  const pending = {
    records: 0,
    bytes: 0,
    /** All have the same time, so the first that is open began first. */
    get oldestAgoMs(): number | undefined {
      const [oldest] = open
      return oldest === undefined ? undefined : nowMs() - (oldest.deadlineMs - timeoutMs)
    },
  }
  let expiry: NodeJS.Timeout | undefined
  let idle: (() => void)[] = []

  function finish(call: PublishCall): void {
    call.done = true
    open.delete(call)
    call.resolve(call.verdicts as readonly PublishVerdict[])
    if (open.size > 0) return
    clearTimeout(expiry)
    expiry = undefined
    for (const resolve of idle) resolve()
    idle = []
  }

  /** All have the same time, so that they end in the order in which they began: the first that has time left ends the look. */
  function expire(): void {
    expiry = undefined
    const now = nowMs()
    for (const call of open) {
      if (call.deadlineMs > now) {
        expiry = setTimeout(expire, Math.max(1, call.deadlineMs - now))
        return
      }
      const late = `The bus did not acknowledge within ${timeoutMs} ms`
      const why = whyLate(call)
      const failure: PublishFailure =
        why === undefined
          ? { code: 'timeout', detail: `${late}.` }
          : { code: why.code, detail: `${late}. ${why.detail}` }
      for (let slot = 0; slot < call.verdicts.length; slot += 1) call.verdicts[slot] ??= orNull(call, slot, failure)
      pending.records -= call.undecided
      pending.bytes -= call.undecidedBytes
      finish(call)
    }
  }

  return {
    pending,
    get open() {
      return open.size
    },
    begin(records) {
      const { promise, resolve } = Promise.withResolvers<readonly PublishVerdict[]>()
      const call: PublishCall = {
        verdicts: noVerdicts(records),
        deadlineMs: nowMs() + timeoutMs,
        undecided: 0,
        undecidedBytes: 0,
        done: false,
        resolve,
      }
      open.add(call)
      expiry ??= setTimeout(expire, timeoutMs)
      return { call, answer: promise }
    },
    count(call, bytes) {
      call.undecided += 1
      call.undecidedBytes += bytes
      pending.records += 1
      pending.bytes += bytes
    },
    decide(call, slot, bytes, verdict) {
      if (call.done) return
      call.verdicts[slot] = verdict
      call.undecided -= 1
      call.undecidedBytes -= bytes
      pending.records -= 1
      pending.bytes -= bytes
      if (call.undecided === 0) finish(call)
    },
    drained: () => (open.size === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve))),
  }
}

function noVerdicts(records: number): (PublishVerdict | undefined)[] {
  const verdicts: (PublishVerdict | undefined)[] = []
  for (let slot = 0; slot < records; slot += 1) verdicts.push(undefined) // Array.from takes ten times as long
  return verdicts
}

/** An acknowledged record keeps its `null`: only what is undecided fails. */
const orNull = (call: PublishCall, slot: number, failure: PublishFailure): PublishVerdict =>
  call.verdicts[slot] === null ? null : failure
