import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openBus } from '../../src/bus/index.ts'
import { freePort } from '../../src/store/index.ts'

/**
 * A real Apache Kafka for tests: its jars from Maven Central, kept in `.cache/kafka` (or `$TEST_CACHE/kafka`), one process
 * as broker and controller on free ports. A missing tool is an error that names it, never a skipped test.
 */

const VERSION = '4.1.2'
const CACHE = join(process.env['TEST_CACHE'] ?? resolve(import.meta.dirname, '../../.cache'), 'kafka')

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>pulse</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${VERSION}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>`

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; kills it after `timeoutMs`. Rejects only where it cannot be started. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<Ran> {
  const { promise, resolve: settle, reject } = Promise.withResolvers<Ran>()
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 120_000)
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  child.on('error', (error) => {
    clearTimeout(timer)
    reject(new Error(`${command} cannot be started (${error.message}): install it, .ci/run says how`))
  })
  child.on('close', (code) => {
    clearTimeout(timer)
    settle({ code, stdout, stderr })
  })
  return promise
}

/** The folder of Kafka's jars, fetched once. */
export async function kafkaJars(): Promise<string> {
  const jars = join(CACHE, `libs-${VERSION}`)
  if (existsSync(jars)) return jars
  await mkdir(CACHE, { recursive: true })
  const work = await mkdtemp(join(CACHE, 'fetch-'))
  try {
    await writeFile(join(work, 'pom.xml'), POM)
    const out = join(work, 'libs')
    const maven = await run('mvn', [
      '-q',
      '-B',
      '-f',
      join(work, 'pom.xml'),
      'dependency:copy-dependencies',
      `-DoutputDirectory=${out}`,
      '-DincludeScope=runtime',
    ])
    if (maven.code !== 0) throw new Error(`Maven could not fetch Kafka's jars:\n${maven.stdout}\n${maven.stderr}`)
    // Another test process may have been faster.
    await rename(out, jars).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return jars
}

/** One of Kafka's own command line tools, by its main class below `org.apache.kafka.tools`, or by its whole name from `kafka.` on. */
export async function kafkaTool(
  name: string,
  args: readonly string[],
  options: { readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<Ran> {
  const jars = await kafkaJars()
  const java = [
    '-Xmx256m',
    '-XX:TieredStopAtLevel=1',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
    '-cp',
    `${jars}/*`,
  ]
  return run('java', [...java, name.startsWith('kafka.') ? name : `org.apache.kafka.tools.${name}`, ...args], options)
}

export interface TestKafka {
  readonly broker: string
  /** Stops the process the hard way; its data stays. */
  kill(): Promise<void>
  start(): Promise<void>
}

/** Starts a broker with an empty data folder and waits until it answers; it ends with the test. */
export async function withKafka(
  t: { after(act: () => Promise<void>): void },
  properties: Readonly<Record<string, string>> = {},
): Promise<TestKafka> {
  const jars = await kafkaJars()
  const folder = await mkdtemp(join(tmpdir(), 'pulse-kafka-'))
  const [port, controllerPort] = [await freePort(), await freePort()]
  const settings: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'auto.create.topics.enable': 'false',
    // A broker that was killed is let in again after its session: 9 s by default.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    ...properties,
  }
  const file = join(folder, 'server.properties')
  await writeFile(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
  const classpath = ['-cp', `${jars}/*`]
  const format = await run('java', [
    ...classpath,
    'kafka.tools.StorageTool',
    'format',
    '-t',
    'MkU3OEVBNTcwNTJENDM2Qk',
    '-c',
    file,
  ])
  if (format.code !== 0) throw new Error(`Kafka's storage could not be formatted:\n${format.stdout}${format.stderr}`)
  let child: ChildProcess | undefined
  let log = ''

  async function start(): Promise<void> {
    const java = ['-Xmx512m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', ...classpath, 'kafka.Kafka', file]
    child = spawn('java', java, { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout?.on('data', (chunk) => (log = (log + String(chunk)).slice(-20_000)))
    child.stderr?.on('data', (chunk) => (log = (log + String(chunk)).slice(-20_000)))
    await using bus = openBus({ brokers: [`127.0.0.1:${port}`], clientId: 'kit', publishTimeoutMs: 1000 })
    const deadline = Date.now() + 90_000
    for (;;) {
      if (child.exitCode !== null) throw new Error(`Kafka ended with ${child.exitCode}:\n${log}`)
      if (
        await bus.ping(2000).then(
          () => true,
          () => false,
        )
      )
        return
      if (Date.now() > deadline) throw new Error(`Kafka did not answer within 90 s:\n${log}`)
      await new Promise((wait) => setTimeout(wait, 100))
    }
  }

  async function kill(): Promise<void> {
    const ended = child
    if (ended === undefined || ended.exitCode !== null || ended.signalCode !== null) return
    const gone = new Promise((settle) => ended.once('exit', settle))
    ended.kill('SIGKILL')
    await gone
  }

  t.after(async () => {
    await kill()
    await rm(folder, { recursive: true, force: true })
  })
  await start()
  return { broker: `127.0.0.1:${port}`, kill, start }
}
