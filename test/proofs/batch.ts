import type { Proof } from './proof.ts'

const again = {
  number: 39,
  promise: 'A file that is sent again adds nothing, and one that was cut loses nothing',
} as const

export const PROOFS: readonly Proof[] = [
  {
    ...again,
    test: 'test/batch/upload.test.ts',
    name: 'a repeated upload is the same events, packed or not',
    mutation: {
      file: 'src/batch/events.ts',
      from: "hash('sha256', keyed, 'hex')",
      to: "hash('sha256', `${Math.random()}`, 'hex')",
    },
  },
  {
    ...again,
    test: 'test/batch/upload.test.ts',
    name: 'the same row on another line is another event',
    mutation: {
      file: 'src/batch/events.ts',
      from: 'const place = `${dataset.id}/${line}/`',
      to: 'const place = `${dataset.id}/`',
    },
  },
  {
    ...again,
    test: 'test/batch/faults.test.ts',
    name: 'an upload that was cut goes on where it was, and no row is missing or another event',
    mutation: { file: 'src/batch/rows.ts', from: 'offset += found.used', to: 'offset += window.length' },
  },
  {
    ...again,
    test: 'test/batch/faults.test.ts',
    name: 'whoever sends with the same upload-id goes on with the batch, and the one before hears of it',
    mutation: {
      file: 'src/batch/record.ts',
      from: 'WHERE id = $1 AND run = $2',
      to: 'WHERE id = $1 AND $2::uuid IS NOT NULL',
    },
  },
  {
    ...again,
    test: 'test/batch/faults.test.ts',
    name: 'a bus that loses its answers costs no row and makes none twice',
    mutation: {
      file: 'src/batch/deliver.ts',
      from: "open = open.filter(({ at }) => verdicts[at]?.status === 'failed')",
      to: 'open = []',
    },
  },
]
