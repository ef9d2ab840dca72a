import { setTimeout as delay } from 'node:timers/promises'
import { CANARY_DATASET } from '../tenancy/index.ts'
import { ask, memberOf, textOf } from './ask.ts'
import type { PartitionSeen } from './facts.ts'

const AGAIN_MS = 250

/** The canary's partitions, once they are what they stay: with an owner, and not between two attempts of a flush. */
export async function settledPartitions(
  workerUrl: string,
  topic: string,
  settleMs: number,
): Promise<readonly PartitionSeen[] | undefined> {
  for (let waitedMs = 0; ; waitedMs += AGAIN_MS) {
    const seen = await partitionsOf(workerUrl, topic)
    const isOdd = seen?.length === 0 || seen?.some(({ parked }) => parked !== undefined)
    if (isOdd !== true || waitedMs >= settleMs) return seen
    await delay(AGAIN_MS)
  }
}

/** What a worker says of a topic's partitions; undefined where it says nothing that can be read. */
export async function partitionsOf(workerUrl: string, topic: string): Promise<readonly PartitionSeen[] | undefined> {
  const heard = await ask(`${workerUrl}/partitions`)
  if (heard.kind !== 'answered' || !Array.isArray(heard.answer.json)) return undefined
  return heard.answer.json
    .filter((one) => memberOf(one, 'topic') === topic && memberOf(one, 'lost') !== true)
    .map((one) => {
      const number = (name: string): number | undefined => {
        const found = memberOf(one, name)
        return typeof found === 'number' ? found : undefined
      }
      return {
        partition: number('partition') ?? 0,
        position: number('position') ?? 0,
        committed: number('committed') ?? 0,
        logEnd: number('high_watermark'),
        parked: parkedOf(one),
      }
    })
}

function parkedOf(partition: unknown): string | undefined {
  const parked = memberOf(partition, 'parked')
  const own: unknown = Array.isArray(parked)
    ? parked.find((one) => textOf(one, 'dataset') === CANARY_DATASET)
    : undefined
  return textOf(own, 'fault')
}
