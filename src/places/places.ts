import { join } from 'node:path'
import type { BusSettings } from '../bus/index.ts'
import type { Settings } from '../config/index.ts'
import type { ObjectStoreOptions } from '../lake/index.ts'
import { Problem } from '../problems/index.ts'

/** Which database a process that runs alone works with. Throws one sentence where database or brokers are not named. */
export function neededPlaces({ databaseUrl, kafkaBrokers }: Settings): { readonly databaseUrl: string } {
  const missing = (name: string, what: string, brings: string): Problem =>
    new Problem('invalid', `${name} is not set: name the ${what}, or use "pulse start", which brings ${brings}.`)
  if (databaseUrl === undefined) throw missing('PULSE_DATABASE_URL', 'database', 'one')
  if (kafkaBrokers.length === 0) throw missing('PULSE_KAFKA_BROKERS', 'brokers', 'a bus')
  return { databaseUrl }
}

/** What the bus's client needs; what is not set stays absent. */
export function busSettings(settings: Settings, clientId: string): BusSettings {
  const { kafkaSaslMechanism: mechanism } = settings
  return {
    brokers: settings.kafkaBrokers,
    clientId,
    publishTimeoutMs: settings.publishTimeoutMs,
    ...present({ topicReplication: settings.topicReplication, topicMinInsync: settings.topicMinInsync }),
    ...(settings.kafkaTls && {
      tls: {
        rejectUnauthorized: settings.kafkaTlsVerify,
        ...present({
          caFile: settings.kafkaTlsCaFile,
          certFile: settings.kafkaTlsCertFile,
          keyFile: settings.kafkaTlsKeyFile,
        }),
      },
    }),
    ...(mechanism !== undefined && {
      sasl: { mechanism, username: settings.kafkaSaslUsername ?? '', password: settings.kafkaSaslPassword ?? '' },
    }),
  }
}

/** Where the lake's objects are; each process keeps its own copies of remote ones, in `{dataDir}/cache/{process}`. */
export function objectStoreOptions(settings: Settings, process: 'api' | 'worker' | 'demo'): ObjectStoreOptions {
  return {
    warehouse: settings.warehouse,
    cacheDir: join(settings.dataDir, 'cache', process),
    s3: {
      endpoint: settings.s3Endpoint,
      region: settings.s3Region,
      accessKey: settings.s3AccessKey,
      secretKey: settings.s3SecretKey,
      pathStyle: settings.s3PathStyle,
    },
  }
}

function present<T extends object>(of: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as never
}
