import type { BusSettings } from '../bus/index.ts'
import type { Settings } from '../config/index.ts'

/** What the bus's client needs, from the settings. */
export function busSettings(settings: Settings, clientId: string): BusSettings {
  const { kafkaSaslMechanism, kafkaTlsCaFile, kafkaTlsCertFile, kafkaTlsKeyFile } = settings
  return {
    brokers: settings.kafkaBrokers,
    clientId,
    publishTimeoutMs: settings.publishTimeoutMs,
    ...(settings.topicReplication === undefined ? {} : { topicReplication: settings.topicReplication }),
    ...(settings.topicMinInsync === undefined ? {} : { topicMinInsync: settings.topicMinInsync }),
    ...(!settings.kafkaTls
      ? {}
      : {
          tls: {
            rejectUnauthorized: settings.kafkaTlsVerify,
            ...(kafkaTlsCaFile === undefined ? {} : { caFile: kafkaTlsCaFile }),
            ...(kafkaTlsCertFile === undefined ? {} : { certFile: kafkaTlsCertFile }),
            ...(kafkaTlsKeyFile === undefined ? {} : { keyFile: kafkaTlsKeyFile }),
          },
        }),
    ...(kafkaSaslMechanism === undefined
      ? {}
      : {
          sasl: {
            mechanism: kafkaSaslMechanism,
            username: settings.kafkaSaslUsername ?? '',
            password: settings.kafkaSaslPassword ?? '',
          },
        }),
  }
}
