import type { Proof } from './proof.ts'

const table = { number: 25, promise: 'Health truth table', test: 'test/api/verdicts.test.ts' } as const
const drain = { number: 25, promise: 'Health truth table', test: 'test/api/probes.test.ts' } as const
const hang = { number: 26, promise: 'Probes cannot hang', test: 'test/api/probes.test.ts' } as const

const READY = 'ready is exactly: not draining, and all three answered their last check, lately; over every combination'
const VERDICTS = 'src/api/verdicts.ts'

export const PROOFS: readonly Proof[] = [
  {
    ...table,
    name: READY,
    mutation: {
      file: VERDICTS,
      from: 'answered === true && agoMs <= STALE_MS',
      to: 'answered !== false && agoMs <= STALE_MS',
    },
  },
  {
    ...table,
    name: READY,
    mutation: { file: VERDICTS, from: 'answered === true && agoMs <= STALE_MS', to: 'answered === true' },
  },
  {
    ...table,
    name: READY,
    mutation: { file: VERDICTS, from: 'return { ready: !draining && checks', to: 'return { ready: checks' },
  },
  {
    ...table,
    name: 'healthy depends on this process alone: its loop came round within ten seconds, also while it drains',
    mutation: { file: VERDICTS, from: '=> sinceTurnMs <= HUNG_MS', to: '=> sinceTurnMs < HUNG_MS' },
  },
  {
    ...drain,
    name: 'while it drains it lives and is not ready, on new connections too, and its checks still say what is',
    mutation: {
      file: 'src/api/server.ts',
      from: 'if (PROBES.has(request.route)) return done()',
      to: '',
    },
  },
  {
    ...hang,
    name: 'with Postgres, the bus and the lake black-holed from the start, ready answers at once, and names all three',
    mutation: {
      file: 'src/places/dependencies.ts',
      from: 'delay(timeoutMs + 50, `no answer within ${timeoutMs} ms`, { signal: late.signal, ref: false }),',
      to: '',
    },
  },
  {
    ...hang,
    name: 'when Postgres swallows every word in the middle, ready is prompt, says 503 and which, and recovers',
    mutation: {
      file: 'src/api/routes/health.ts',
      from: '    (request, reply) => {',
      to: '    async (request, reply) => { await new Promise((go) => setTimeout(go, places.facts().dependencies.postgres.tookMs))',
    },
  },
]
