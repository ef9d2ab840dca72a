import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBus, type BusSettings } from '../../src/bus/index.ts'
import { freePort } from '../../src/store/index.ts'
import { withCertificates, type Certificates } from './certificates.ts'
import { kafkaJars, kafkaTool, run } from './kafka.ts'

/**
 * Apache Kafka as it is run: one broker or several (each is controller, too), open or behind TLS and SASL/SCRAM. Clients
 * use `brokers`; the listener of `inside` is plain text for the tools of tests, whatever clients have to show.
 */
interface KafkaCluster {
  readonly brokers: readonly string[]
  readonly inside: readonly string[]
  /** What a client of Pulse has to be told, as environment. */
  readonly settings: Readonly<Record<string, string>>
  /** The same for the bus's client. */
  readonly client: Pick<BusSettings, 'tls' | 'sasl'>
  readonly secure: Secure | undefined
  /** By place in `brokers`. `kill` is -9; data stays. */
  kill(broker: number): Promise<void>
  start(broker: number): Promise<void>
  signal(broker: number, name: 'SIGSTOP' | 'SIGCONT'): void
  /** The first file of a partition's log on a broker. */
  logFile(broker: number, topic: string, partition: number): string
}

interface Secure {
  readonly certificates: Certificates
  readonly mechanism: Mechanism
  readonly username: string
  readonly password: string
}

type Mechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

interface ClusterOptions {
  /** How many; 1 where not said. */
  readonly brokers?: number
  /** Clients come over TLS and show who they are. */
  readonly secure?: Mechanism
  /** What the user may do with topics whose names begin with `pulse.`, and nothing else; everything where not said. */
  readonly rights?: readonly ('Create' | 'Describe' | 'Read' | 'Write' | 'Delete')[]
  readonly properties?: Readonly<Record<string, string>>
}

const HEAP = ['-Xmx400m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const QUIET = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qk'
const USER = { username: 'pulse', password: 'a password = with signs: %/+' }

/** Starts the brokers with empty data folders and waits until each answers; they end with the test. */
export async function withKafkaCluster(
  owner: { after(act: () => Promise<void>): void },
  options: ClusterOptions = {},
): Promise<KafkaCluster> {
  const jars = await kafkaJars()
  const count = options.brokers ?? 1
  const secure =
    options.secure === undefined
      ? undefined
      : { certificates: await withCertificates(owner), mechanism: options.secure, ...USER }
  const folder = await mkdtemp(join(tmpdir(), 'pulse-kafka-'))
  const children = new Map<number, ChildProcess>()
  const logs = new Map<number, string>()
  const ports = await Promise.all(
    Array.from({ length: count }, async () => ({
      client: await freePort(),
      inside: await freePort(),
      controller: await freePort(),
    })),
  )
  const voters = ports.map(({ controller }, at) => `${at + 1}@127.0.0.1:${controller}`).join(',')
  // After the folders: what is registered last runs first, and nothing writes into a folder that goes.
  owner.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  owner.after(async () => {
    await Promise.all(ports.map((_, at) => kill(at)))
  })
  const fileOf = (at: number): string => join(folder, `${at}.properties`)
  const clientOf = (at: number): string => `127.0.0.1:${ports[at]?.client}`
  const insideOf = (at: number): string => `127.0.0.1:${ports[at]?.inside}`

  async function format(at: number): Promise<void> {
    const copies = String(Math.min(3, count))
    const door = secure === undefined ? 'PLAINTEXT' : 'SASL_SSL'
    const settings: Record<string, string> = {
      'process.roles': 'broker,controller',
      'node.id': String(at + 1),
      'controller.quorum.voters': voters,
      listeners: `CLIENT://${clientOf(at)},INSIDE://${insideOf(at)},CONTROLLER://127.0.0.1:${ports[at]?.controller}`,
      'advertised.listeners': `CLIENT://${clientOf(at)},INSIDE://${insideOf(at)}`,
      'listener.security.protocol.map': `CLIENT:${door},INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT`,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'INSIDE',
      'log.dirs': join(folder, `data-${at}`),
      'offsets.topic.replication.factor': copies,
      'transaction.state.log.replication.factor': copies,
      'transaction.state.log.min.isr': '1',
      'auto.create.topics.enable': 'false',
      'default.replication.factor': copies,
      'min.insync.replicas': count >= 3 ? '2' : '1',
      // A broker that was killed is let in again, and its leaders move, after its session: 9 s by default.
      'broker.session.timeout.ms': '2000',
      'broker.heartbeat.interval.ms': '500',
      'controller.quorum.election.timeout.ms': '1000',
      'controller.quorum.fetch.timeout.ms': '2000',
      'replica.lag.time.max.ms': '5000',
      ...(secure === undefined ? {} : secureProperties(secure)),
      ...(options.rights === undefined ? {} : GUARDED),
      ...options.properties,
    }
    const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`)
    await writeFile(fileOf(at), lines.join(''))
    const users = secure === undefined ? [] : scramUsers(secure)
    const tool = [
      '-XX:TieredStopAtLevel=1',
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
      '-cp',
      `${jars}/*`,
      'kafka.tools.StorageTool',
      'format',
      '-t',
      CLUSTER_ID,
    ]
    const done = await run('java', [...tool, '-c', fileOf(at), ...users])
    if (done.code !== 0) throw new Error(`Kafka's storage could not be formatted:\n${done.stdout}${done.stderr}`)
  }

  function launch(at: number): void {
    const child = spawn('java', [...HEAP, QUIET, '-cp', `${jars}/*`, 'kafka.Kafka', fileOf(at)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const note = (chunk: unknown): void => void logs.set(at, ((logs.get(at) ?? '') + String(chunk)).slice(-20_000))
    child.stdout.on('data', note)
    child.stderr.on('data', note)
    children.set(at, child)
  }

  async function answers(at: number): Promise<void> {
    await using bus = openBus({ brokers: [insideOf(at)], clientId: 'kit', publishTimeoutMs: 1000 })
    const deadline = Date.now() + 120_000
    for (;;) {
      const child = children.get(at)
      if (child === undefined || child.exitCode !== null)
        throw new Error(`Broker ${at} ended with ${child?.exitCode}:\n${logs.get(at)}`)
      const isThere = await bus.ping(2000).then(
        () => true,
        () => false,
      )
      if (isThere) return
      if (Date.now() > deadline) throw new Error(`Broker ${at} did not answer within 120 s:\n${logs.get(at)}`)
      await new Promise((wait) => setTimeout(wait, 100))
    }
  }

  async function kill(at: number): Promise<void> {
    const child = children.get(at)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((settle) => child.once('exit', settle))
    child.kill('SIGKILL')
    await gone
  }

  await Promise.all(ports.map((_, at) => format(at)))
  for (const at of ports.keys()) launch(at)
  await Promise.all(ports.map((_, at) => answers(at)))
  if (options.rights !== undefined) await allow(insideOf(0), options.rights)
  const brokers = ports.map((_, at) => clientOf(at))
  return {
    brokers,
    inside: ports.map((_, at) => insideOf(at)),
    settings: {
      PULSE_KAFKA_BROKERS: brokers.join(','),
      ...(secure === undefined
        ? {}
        : {
            PULSE_KAFKA_TLS: 'true',
            PULSE_KAFKA_TLS_CA_FILE: secure.certificates.caFile,
            PULSE_KAFKA_SASL_MECHANISM: secure.mechanism,
            PULSE_KAFKA_SASL_USERNAME: secure.username,
            PULSE_KAFKA_SASL_PASSWORD: secure.password,
          }),
    },
    client:
      secure === undefined
        ? {}
        : {
            tls: { caFile: secure.certificates.caFile },
            sasl: { mechanism: secure.mechanism, username: secure.username, password: secure.password },
          },
    secure,
    kill,
    async start(at) {
      launch(at)
      await answers(at)
    },
    logFile: (at, topic, partition) => join(folder, `data-${at}`, `${topic}-${partition}`, '00000000000000000000.log'),
    signal(at, name) {
      children.get(at)?.kill(name)
    },
  }
}

/** Nobody may do anything but who was allowed it, and the tools of tests. */
const GUARDED = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}

async function allow(inside: string, rights: readonly string[]): Promise<void> {
  const done = await kafkaTool('AclCommand', [
    ...['--bootstrap-server', inside, '--add', '--allow-principal', `User:${USER.username}`],
    ...['--topic', 'pulse.', '--resource-pattern-type', 'prefixed'],
    ...rights.flatMap((right) => ['--operation', right]),
  ])
  if (done.code !== 0) throw new Error(`The rights could not be given:\n${done.stdout}${done.stderr}`)
}

const secureProperties = ({ certificates }: Secure): Record<string, string> => ({
  'sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512',
  'ssl.keystore.type': 'PEM',
  'ssl.keystore.location': certificates.storeFile,
  'ssl.truststore.type': 'PEM',
  'ssl.truststore.location': certificates.caFile,
  ...Object.fromEntries(
    ['scram-sha-256', 'scram-sha-512'].map((mechanism) => [
      `listener.name.client.${mechanism}.sasl.jaas.config`,
      'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    ]),
  ),
})

/** One user may show either mechanism's proof: the test says which. */
const scramUsers = ({ username, password }: Secure): string[] =>
  ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name="${username}",password="${password}"]`,
  ])
