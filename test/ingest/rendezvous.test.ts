import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ownerOf } from '../../src/ingest/rendezvous.ts'

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 12 })
const partitions = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `0190c0de-0000-7000-8000-${String(i).padStart(12, '0')}/0`)

test('without members there is no owner', () => {
  assert.equal(ownerOf('a/0', []), undefined)
})

test('the owner is one of the members, whatever the order they are listed in', () => {
  fc.assert(
    fc.property(names, fc.string(), (members, partition) => {
      const owner = ownerOf(partition, members)
      assert.ok(owner !== undefined && members.includes(owner))
      assert.equal(ownerOf(partition, members.toReversed()), owner)
    }),
  )
})

test('a member that leaves moves only what it had', () => {
  fc.assert(
    fc.property(
      names.filter((all) => all.length > 1),
      (members) => {
        const [gone, ...rest] = members as [string, ...string[]]
        for (const partition of partitions(50)) {
          const before = ownerOf(partition, members)
          if (before !== gone) assert.equal(ownerOf(partition, rest), before)
        }
      },
    ),
  )
})

test('a member that joins takes only for itself', () => {
  fc.assert(
    fc.property(names, fc.string({ minLength: 13, maxLength: 20 }), (members, newcomer) => {
      for (const partition of partitions(50)) {
        const after = ownerOf(partition, [...members, newcomer])
        if (after !== newcomer) assert.equal(after, ownerOf(partition, members))
      }
    }),
  )
})

test('of 10,000 partitions every member has its part within a fifth', () => {
  for (const count of [2, 3, 5, 16]) {
    const members = Array.from({ length: count }, (_, i) => `worker-host-${i}-4711`)
    const shares = new Map(members.map((member) => [member, 0]))
    for (const partition of partitions(10_000)) {
      const owner = ownerOf(partition, members) as string
      shares.set(owner, (shares.get(owner) ?? 0) + 1)
    }
    const fair = 10_000 / count
    for (const [member, share] of shares)
      assert.ok(Math.abs(share - fair) < fair / 5, `${member} has ${share} of ${fair}`)
  }
})
