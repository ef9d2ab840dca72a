import type { Proof } from './proof.ts'

const about = { number: 27, promise: 'Canary finds what it must', test: 'test/canary/rounds.test.ts' } as const

export const PROOFS: readonly Proof[] = [
  {
    ...about,
    name: 'an event that is dropped on the way is named missing',
    mutation: {
      file: 'src/canary/book.ts',
      from: 'const isOverdue = sinceAskedMs >= settings.missingMs',
      to: 'const isOverdue = false',
    },
  },
  {
    ...about,
    name: 'an event that is doubled on the way is named duplicated',
    mutation: { file: 'src/canary/book.ts', from: 'if (rows.length > 1) return', to: 'if (rows.length > 2) return' },
  },
  {
    ...about,
    name: 'an event whose second row comes after it was seen is named duplicated, and not exactly once as well',
    mutation: {
      file: 'src/canary/book.ts',
      from: "if (entry.state === 'seen' && isBeyond && newest - open.round >= settings.watchRounds) {",
      to: "if (entry.state === 'seen') {",
    },
  },
  {
    ...about,
    name: 'an event that is delayed beyond the objective is named late',
    mutation: {
      file: 'src/canary/book.ts',
      from: 'entry.isLate = seenMs > settings.lateMs',
      to: 'entry.isLate = false',
    },
  },
  {
    ...about,
    name: 'an event that is damaged on the way, in any column, is named corrupted',
    mutation: {
      file: 'src/canary/book.ts',
      from: '!isDeepStrictEqual(row[column], found[column])',
      to: 'typeof row[column] !== typeof found[column]',
    },
  },
]
