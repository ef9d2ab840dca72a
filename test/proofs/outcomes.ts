import type { Proof } from './proof.ts'

const twice = {
  number: 37,
  promise: 'A dead letter that is sent again twice is one event',
  test: 'test/outcomes/replay.test.ts',
} as const
const REPLAY = 'src/outcomes/replay.ts'
const receipt = { number: 38, promise: 'A receipt says what is', test: 'test/outcomes/receipt.test.ts' } as const
const RECEIPT = 'src/outcomes/receipt.ts'

export const PROOFS: readonly Proof[] = [
  {
    ...twice,
    name: 'a letter goes again under its own id with all that collect adds, is marked, and goes no second time',
    mutation: { file: REPLAY, from: 'if (before !== null)', to: 'if (before === "")' },
  },
  {
    ...twice,
    name: 'a replay goes in slices, oldest first; who stops has lost nothing',
    mutation: { file: REPLAY, from: '{ ...filter, replayed: false }', to: 'filter' },
  },
  {
    ...twice,
    test: 'test/outcomes/again.test.ts',
    name: 'a letter whose record had no usable id has one that is always the same',
    mutation: {
      file: 'src/outcomes/again.ts',
      from: 'return deriveId(`00000000-0000-8000-8000-${number}`, 0)',
      to: 'return deriveId(`00000000-0000-8000-8000-${number}`, Math.floor(Math.random() * 2 ** 32))',
    },
  },
  {
    ...twice,
    name: 'a dry run judges as the real one does, and changes nothing',
    mutation: { file: REPLAY, from: 'if (!dryRun && accepted.length > 0) await', to: 'if (accepted.length > 0) await' },
  },
  {
    ...receipt,
    name: 'an event that is nowhere is not settled, with the watermark; one that commits while the bus is asked is committed',
    mutation: {
      file: RECEIPT,
      from: 'settledReceipt(tenantId, about, outcome) ?? {',
      to: 'settledReceipt(tenantId, about, first) ?? {',
    },
  },
  {
    ...receipt,
    name: 'a dead letter is answered by its newest; sent again it is under way; committed it is that',
    mutation: { file: RECEIPT, from: 'if (letter?.replayed_at === null)', to: 'if (letter !== undefined)' },
  },
  {
    ...receipt,
    test: 'test/outcomes/watermark.test.ts',
    name: 'what is pending holds it back to when the first of it was received, whichever partition has it',
    mutation: { file: 'src/outcomes/watermark.ts', from: 'if (offset < latest)', to: 'if (offset + 1 < latest)' },
  },
]
