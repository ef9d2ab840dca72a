import { CODE } from '../../wire/codes.ts'
import { NODE_ID, type Answer, type Call } from './call.ts'

interface TopicConfig {
  readonly value: string
  /** A sentence where the embedded bus cannot do what the value asks. */
  readonly refuse?: (value: string) => string | undefined
}

const number = (name: string, least: number) => (value: string) =>
  /^-?\d{1,15}$/.test(value) && Number(value) >= least
    ? undefined
    : `${name} is a number from ${least} on, not "${value}".`

const only = (name: string, allowed: string) => (value: string) =>
  value === allowed ? undefined : `The embedded bus has ${name}=${allowed} only, not "${value}".`

/** What a topic may be given, with the value that holds where it was not. Anything else is refused, never ignored. */
const TOPIC_CONFIGS: Readonly<Record<string, TopicConfig>> = {
  'cleanup.policy': { value: 'delete', refuse: only('cleanup.policy', 'delete') },
  'compression.type': { value: 'producer', refuse: only('compression.type', 'producer') },
  'max.message.bytes': { value: '1048588', refuse: number('max.message.bytes', 0) },
  'message.timestamp.type': { value: 'CreateTime', refuse: only('message.timestamp.type', 'CreateTime') },
  'min.insync.replicas': { value: '1', refuse: only('min.insync.replicas', '1') },
  'retention.bytes': { value: '-1', refuse: only('retention.bytes', '-1') },
  // Kafka's own default is seven days. Here nothing goes by itself unless somebody asked for it.
  'retention.ms': { value: '-1', refuse: number('retention.ms', -1) },
}

/** A sentence about the first setting that cannot be had. */
export function checkConfigs(configs: Readonly<Record<string, string>>): string | undefined {
  for (const [name, value] of Object.entries(configs)) {
    const known = Object.hasOwn(TOPIC_CONFIGS, name) ? TOPIC_CONFIGS[name] : undefined
    if (known === undefined) return `The embedded bus has no topic setting "${name}".`
    const refusal = known.refuse?.(value)
    if (refusal !== undefined) return refusal
  }
  return undefined
}

const SOURCE_TOPIC = 1
const SOURCE_DEFAULT = 5
const TOPIC_RESOURCE = 2
const BROKER_RESOURCE = 4

interface ConfigEntry {
  readonly name: string
  readonly value: string
  readonly source: number
}

export function effectiveConfigs(configs: Readonly<Record<string, string>>): ConfigEntry[] {
  return Object.entries(TOPIC_CONFIGS).map(([name, known]) =>
    Object.hasOwn(configs, name)
      ? { name, value: configs[name] as string, source: SOURCE_TOPIC }
      : { name, value: known.value, source: SOURCE_DEFAULT },
  )
}

/** DescribeConfigs, versions 1 to 4: of topics; the broker itself has none. */
export function describeConfigs({ version, body, broker }: Call): Answer {
  const asked = body.structs(() => {
    const kind = body.int8()
    const name = body.string()
    const count = body.flexible ? body.uvarint() - 1 : body.int32()
    const keys = count < 0 ? undefined : new Set(Array.from({ length: count }, () => body.string()))
    return { kind, name, keys }
  })
  const answers = asked.map(({ kind, name, keys }) => {
    const topic = kind === TOPIC_RESOURCE ? broker.engine.topicByName(name) : undefined
    const broken = kind === BROKER_RESOURCE && name !== String(NODE_ID) && name !== ''
    const code =
      kind === TOPIC_RESOURCE
        ? topic === undefined
          ? CODE.unknownTopicOrPartition
          : CODE.none
        : kind === BROKER_RESOURCE && !broken
          ? CODE.none
          : CODE.invalidRequest
    const configs = topic === undefined ? [] : effectiveConfigs(topic.configs)
    return { kind, name, code, configs: configs.filter((config) => keys?.has(config.name) ?? true) }
  })
  return (out) => {
    out.int32(0)
    out.structs(answers, ({ kind, name, code, configs }) => {
      out.int16(code).string(null).int8(kind).string(name)
      out.structs(configs, (config) => {
        out.string(config.name).string(config.value).bool(false).int8(config.source).bool(false)
        out.structs([], () => undefined)
        if (version >= 3) out.int8(0).string(null)
      })
    })
    out.tags()
  }
}
