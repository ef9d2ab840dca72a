import type { Proof } from './proof.ts'

export const PROOFS: readonly Proof[] = [
  {
    number: 41,
    promise: 'A limit is one for all processes',
    test: 'test/limits/limiter.test.ts',
    name: 'three processes together let through what is allowed, within a tenth, and ask seldom',
    mutation: {
      file: 'src/store/migrations/0013-limits.sql',
      from: 'greatest(0, least(one.ask, room)) END;',
      to: 'greatest(0, one.ask) END;',
    },
  },
]
