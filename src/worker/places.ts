import type { BusSettings } from '../bus/index.ts'
import type { Settings } from '../config/index.ts'
import type { ObjectStoreOptions } from '../lake/index.ts'
import { join } from 'node:path'

/** What the bus's client needs, from the settings; what is not set stays absent. */
export function busSettings(settings: Settings, clientId: string): BusSettings {
  const present = <T extends object>(of: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
    Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as never
  const { kafkaSaslMechanism: mechanism } = settings
  return {
    brokers: settings.kafkaBrokers,
    clientId,
    publishTimeoutMs: settings.publishTimeoutMs,
    ...present({ topicReplication: settings.topicReplication, topicMinInsync: settings.topicMinInsync }),
    ...(settings.kafkaTls
      ? {
          tls: {
            rejectUnauthorized: settings.kafkaTlsVerify,
            ...present({
              caFile: settings.kafkaTlsCaFile,
              certFile: settings.kafkaTlsCertFile,
              keyFile: settings.kafkaTlsKeyFile,
            }),
          },
        }
      : {}),
    ...(mechanism === undefined
      ? {}
      : {
          sasl: { mechanism, username: settings.kafkaSaslUsername ?? '', password: settings.kafkaSaslPassword ?? '' },
        }),
  }
}

/** The lake's objects, from the settings. */
export function objectStoreOptions(settings: Settings): ObjectStoreOptions {
  return {
    warehouse: settings.warehouse,
    cacheDir: join(settings.dataDir, 'cache', 'worker'),
    s3: {
      endpoint: settings.s3Endpoint,
      region: settings.s3Region,
      accessKey: settings.s3AccessKey,
      secretKey: settings.s3SecretKey,
      pathStyle: settings.s3PathStyle,
    },
  }
}
