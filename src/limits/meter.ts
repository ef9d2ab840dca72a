import type { Rule } from './rules.ts'

/**
 * What one process may still let through under one limit of one sender: a lease of the allowance that all processes share
 * (./leases.ts), spent here without asking anybody. Pure: times are milliseconds that never step back.
 */
export interface Meter {
  readonly rule: Rule
  allowed: number
  /** Left of the lease. Below zero after a request that was larger: that is paid back before anything else is let through. */
  tokens: number
  /** Let through while nobody could be asked, and not told yet. */
  owed: number
  /** What all processes together had left when this one asked last. */
  elsewhere: number
  /** Nothing is to be had before. */
  emptyUntilMs: number
  /** Since when `tokens` grow by themselves while nobody can be asked. */
  refilledAtMs: number
  usedAtMs: number
  /** When a day's quota begins anew. */
  resetsAtMs: number
}

/** The answer to an ask. */
export interface Grant {
  readonly granted: number
  /** Left for everybody, after this; below zero where somebody owes. */
  readonly remaining: number
  /** Until a day's quota begins anew. */
  readonly resetsInMs: number
}

/** Not sooner again: whoever has nothing to give is not asked in a circle. */
const LEAST_WAIT_MS = 20
const DAY_AGAIN_MS = 1_000

export const leaseOf = ({ leased }: Rule, allowed: number): number => Math.max(1, Math.ceil(allowed * leased))

/** One that has nothing and may ask at once. */
export const newMeter = (rule: Rule, allowed: number, nowMs: number): Meter => ({
  rule,
  allowed,
  tokens: 0,
  owed: 0,
  elsewhere: allowed,
  emptyUntilMs: Number.NEGATIVE_INFINITY,
  refilledAtMs: nowMs,
  usedAtMs: nowMs,
  resetsAtMs: nowMs + rule.windowSeconds * 1_000,
})

/** `open`: something is left. `shut`: nothing is, and nothing is to be had yet. `ask`: nothing is here, there may be elsewhere. */
export function stateOf({ tokens, emptyUntilMs }: Meter, nowMs: number): 'open' | 'shut' | 'ask' {
  if (tokens > 0) return 'open'
  return nowMs < emptyUntilMs ? 'shut' : 'ask'
}

/** What to ask for so that a whole lease is here. */
export const askOf = (meter: Meter): number => Math.max(0, leaseOf(meter.rule, meter.allowed) - meter.tokens)
/** It is time to ask, before somebody has to wait for it. */
export const isLow = (meter: Meter, nowMs: number): boolean =>
  nowMs >= meter.emptyUntilMs && meter.tokens < leaseOf(meter.rule, meter.allowed) / 2

/** Another allowance from now on. What is held beyond its lease is let go. */
export function allow(meter: Meter, allowed: number): void {
  meter.allowed = allowed
  meter.tokens = Math.min(meter.tokens, leaseOf(meter.rule, allowed))
  meter.elsewhere = allowed
  meter.emptyUntilMs = Number.NEGATIVE_INFINITY
}

/** What was asked for and what was granted. */
export function take(meter: Meter, asked: number, { granted, remaining, resetsInMs }: Grant, nowMs: number): void {
  const { rule, allowed } = meter
  meter.tokens += granted
  meter.elsewhere = remaining
  meter.refilledAtMs = nowMs
  if (rule.windowSeconds !== 1) meter.resetsAtMs = nowMs + resetsInMs
  if (granted >= asked) return
  // A rate: until half a lease has run in again. A day: others may have given back what they did not need.
  const waitMs =
    rule.windowSeconds === 1
      ? ((leaseOf(rule, allowed) / 2 - remaining) / allowed) * 1_000
      : Math.min(DAY_AGAIN_MS, resetsInMs)
  meter.emptyUntilMs = nowMs + Math.max(LEAST_WAIT_MS, waitMs)
}

/** What was let through and not asked for: it is told with the next ask, and counts from then on for everybody. */
export function settleDebt(meter: Meter): number {
  const debt = meter.owed + Math.max(0, -meter.tokens)
  meter.owed = 0
  meter.tokens = Math.max(0, meter.tokens)
  return debt
}

/** The debt was not heard. */
export function oweAgain(meter: Meter, debt: number): void {
  if (meter.rule.windowSeconds === 1) meter.tokens -= debt
  else meter.owed += debt
}

/**
 * Nobody can be asked: each process goes on alone. A rate lets through here what it would let through everywhere, a lease
 * ahead; of a day's quota that was not used up another lease, which is told, and held against the sender, as soon as somebody hears it.
 */
export function goOnAlone(meter: Meter, nowMs: number): void {
  const { rule, allowed } = meter
  const most = leaseOf(rule, allowed)
  if (rule.windowSeconds === 1) {
    const grown = ((nowMs - meter.refilledAtMs) / 1_000) * allowed
    meter.tokens = Math.min(most, meter.tokens + grown)
    meter.refilledAtMs = nowMs
    if (meter.tokens <= 0) meter.emptyUntilMs = nowMs + Math.max(LEAST_WAIT_MS, ((1 - meter.tokens) / allowed) * 1_000)
    return
  }
  if (meter.elsewhere <= 0) {
    meter.emptyUntilMs = nowMs + DAY_AGAIN_MS
    return
  }
  const more = most - Math.min(0, meter.tokens)
  meter.tokens += more
  meter.owed += more
}

/** When whoever was refused may come again. */
export const againAtMs = ({ rule, emptyUntilMs, resetsAtMs }: Meter): number =>
  rule.windowSeconds === 1 ? emptyUntilMs : Math.max(emptyUntilMs, resetsAtMs)

/** Left of the window as far as is known here, and the seconds until it is whole again. */
export function leftOf(meter: Meter, nowMs: number): { readonly left: number; readonly inSeconds: number } {
  const { rule, allowed, tokens, elsewhere, resetsAtMs } = meter
  return {
    left: Math.max(0, Math.floor(Math.min(allowed, tokens + elsewhere))),
    inSeconds: rule.windowSeconds === 1 ? 1 : Math.max(1, Math.ceil((resetsAtMs - nowMs) / 1_000)),
  }
}
