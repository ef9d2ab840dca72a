import { CODE } from '../../wire/codes.ts'
import type { Answer, Call } from './call.ts'

/** InitProducerId, versions 0 to 5: for idempotent producers; transactions are refused. */
export async function initProducerId({ body, broker }: Call): Promise<Answer> {
  const transactionalId = body.stringOrNull()
  const given =
    transactionalId === null
      ? await broker.engine.nextProducerId()
      : { code: CODE.transactionalIdAuthorizationFailed, producerId: -1 }
  return (out) => {
    out
      .int32(0)
      .int16(given.code)
      .int64(given.producerId)
      .int16(given.code === CODE.none ? 0 : -1)
      .tags()
  }
}

const NO_GROUPS =
  'The embedded bus has no consumer groups: read given partitions (kcat -C -p, kafka-console-consumer --partition), ' +
  'or use Apache Kafka (PULSE_KAFKA_BROKERS).'

/**
 * FindCoordinator, versions 0 to 4. Every group call begins here, so that this one refusal speaks for all. The code is
 * one that clients do not try again: with COORDINATOR_NOT_AVAILABLE they would wait for ever.
 */
export function findCoordinator({ version, body }: Call): Answer {
  const code = CODE.unsupportedVersion
  if (version >= 4) {
    body.int8()
    const keys = body.values(() => body.string())
    return (out) => {
      out.int32(0)
      out.structs(keys, (key) => out.string(key).int32(-1).string('').int32(-1).int16(code).string(NO_GROUPS))
      out.tags()
    }
  }
  return (out) => {
    if (version >= 1) out.int32(0)
    out.int16(code)
    if (version >= 1) out.string(NO_GROUPS)
    out.int32(-1).string('').int32(-1).tags()
  }
}
