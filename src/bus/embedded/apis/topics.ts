import { CODE } from '../../wire/codes.ts'
import { DONE, type Engine, type Outcome } from '../engine.ts'
import type { Topic } from '../topics.ts'
import type { Answer, Call } from './call.ts'
import { checkConfigs, effectiveConfigs } from './configs.ts'

const NIL = '00000000-0000-0000-0000-000000000000'
const MOST_PARTITIONS = 10_000

interface Wanted {
  readonly name: string
  readonly partitions: number
  readonly replication: number
  /** Partition counts of a manual assignment; 0 where there is none. */
  readonly assigned: number
  readonly configs: Readonly<Record<string, string>>
}

/** CreateTopics, versions 2 to 7. */
export async function createTopics({ version, body, broker }: Call): Promise<Answer> {
  const wanted = body.structs((): Wanted => {
    const name = body.string()
    const partitions = body.int32()
    const replication = body.int16()
    const assigned = body.structs(() => {
      body.int32()
      body.values(() => body.int32())
    }).length
    const configs: Record<string, string> = {}
    body.structs(() => {
      const key = body.string()
      configs[key] = body.stringOrNull() ?? ''
    })
    return { name, partitions, replication, assigned, configs }
  })
  body.int32() // timeout
  const validateOnly = body.bool()
  // All at once: they share one group of the journal, hence one sync.
  const made = await Promise.all(wanted.map((each) => createOne(broker.engine, each, validateOnly)))
  return (out) => {
    out.int32(0)
    out.structs(made, ({ name, outcome, topic, partitions }) => {
      out.string(name)
      if (version >= 7) out.uuid(topic?.id ?? NIL)
      out.int16(outcome.code).string(outcome.detail)
      if (version < 5) return
      const known = outcome.code === CODE.none
      out.int32(known ? partitions : -1).int16(known ? 1 : -1)
      const configs = known && topic !== undefined ? effectiveConfigs(topic.configs) : []
      out.structs(configs, (config) => {
        out.string(config.name).string(config.value).bool(false).int8(config.source).bool(false)
      })
    })
    out.tags()
  }
}

async function createOne(
  engine: Engine,
  wanted: Wanted,
  validateOnly: boolean,
): Promise<{ name: string; outcome: Outcome; topic?: Topic; partitions: number }> {
  const partitions = wanted.assigned > 0 ? wanted.assigned : wanted.partitions === -1 ? 1 : wanted.partitions
  const { name } = wanted
  const refusal = refuseTopic(engine, wanted, partitions)
  if (refusal !== undefined) return { name, outcome: refusal, partitions }
  if (validateOnly) return { name, outcome: DONE, partitions }
  const outcome = await engine.createTopic(name, partitions, wanted.configs)
  return { name, outcome, partitions, ...(outcome.topic === undefined ? {} : { topic: outcome.topic }) }
}

function refuseTopic(engine: Engine, wanted: Wanted, partitions: number): Outcome | undefined {
  const { name } = wanted
  if (!/^[a-zA-Z0-9._-]{1,249}$/.test(name) || name === '.' || name === '..') {
    return { code: CODE.invalidTopic, detail: `"${name}" is no topic name: 1 to 249 of a-z, A-Z, 0-9, ".", "_", "-".` }
  }
  if (engine.state.byName.has(name)) return { code: CODE.topicAlreadyExists, detail: `Topic ${name} exists.` }
  if (partitions < 1 || partitions > MOST_PARTITIONS) {
    return { code: CODE.invalidPartitions, detail: `A topic has 1 to ${MOST_PARTITIONS} partitions.` }
  }
  if (wanted.assigned === 0 && wanted.replication !== -1 && wanted.replication !== 1) {
    const detail = `The embedded bus is one node: the replication factor is 1, not ${wanted.replication}.`
    return { code: CODE.invalidReplicationFactor, detail }
  }
  const config = checkConfigs(wanted.configs)
  return config === undefined ? undefined : { code: CODE.invalidConfig, detail: config }
}

/** DeleteTopics, versions 1 to 6: by name, or by id from 6 on. */
export async function deleteTopics({ version, body, broker }: Call): Promise<Answer> {
  const asked: { name: string | null; id: string }[] =
    version >= 6
      ? body.structs(() => ({ name: body.stringOrNull(), id: body.uuid() }))
      : body.values(() => ({ name: body.string(), id: NIL }))
  body.int32() // timeout
  const outcomes = await Promise.all(
    asked.map(async ({ name, id }) => {
      const topic = name !== null ? broker.engine.topicByName(name) : broker.engine.topicById(id)
      if (topic !== undefined) {
        return { name: topic.name, id: topic.id, outcome: await broker.engine.deleteTopic(topic) }
      }
      const code = name !== null ? CODE.unknownTopicOrPartition : CODE.unknownTopicId
      return { name, id, outcome: { code, detail: null } }
    }),
  )
  return (out) => {
    out.int32(0)
    out.structs(outcomes, ({ name, id, outcome }) => {
      out.string(version >= 6 ? name : (name ?? ''))
      if (version >= 6) out.uuid(id)
      out.int16(outcome.code)
      if (version >= 5) out.string(outcome.detail)
    })
    out.tags()
  }
}

/** CreatePartitions, versions 0 to 3. */
export async function createPartitions({ body, broker }: Call): Promise<Answer> {
  const asked = body.structs(() => {
    const name = body.string()
    const partitions = body.int32()
    body.structsOrNull(() => body.values(() => body.int32()))
    return { name, partitions }
  })
  body.int32() // timeout
  const validateOnly = body.bool()
  const outcomes = await Promise.all(
    asked.map(async ({ name, partitions }): Promise<{ name: string; outcome: Outcome }> => {
      const topic = broker.engine.topicByName(name)
      if (topic === undefined) return { name, outcome: { code: CODE.unknownTopicOrPartition, detail: null } }
      if (partitions > MOST_PARTITIONS) {
        return { name, outcome: { code: CODE.invalidPartitions, detail: `At most ${MOST_PARTITIONS} partitions.` } }
      }
      return { name, outcome: validateOnly ? DONE : await broker.engine.addPartitions(topic, partitions) }
    }),
  )
  return (out) => {
    out.int32(0)
    out.structs(outcomes, ({ name, outcome }) => out.string(name).int16(outcome.code).string(outcome.detail))
    out.tags()
  }
}
