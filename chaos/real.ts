import { setTimeout as sleep } from 'node:timers/promises'
import type { Owner } from '../test/kit/postgres.ts'
import { openPlaces } from '../test/kit/real-places.ts'
import { openS3Proxy, type S3Fault, type S3Proxy } from '../test/kit/s3-proxy.ts'
import type { Member, System } from '../test/kit/system.ts'
import type { Fault } from './world.ts'

/** An engine that is killed and started again on its data. */
interface Engine {
  kill(): Promise<void>
  start(): Promise<void>
}

/** Apache Kafka, Debian's PostgreSQL and an S3 server behind a proxy, in place of what is embedded. */
export interface RealPlaces {
  readonly env: Readonly<Record<string, string>>
  readonly engines: Readonly<Record<'kafka' | 'postgresql' | 'the S3 server', Engine>>
  readonly s3: S3Proxy
  /** The same system, which says where its places really are. */
  around(system: System): System
}

export async function openRealPlaces(owner: Owner): Promise<RealPlaces> {
  const { env, kafka, postgres, s3 } = await openPlaces(owner, { bus: 'kafka', postgres: 'external', lake: 's3' })
  if (kafka === undefined || postgres === undefined || s3 === undefined) throw new Error('a place is missing')
  const proxy = await openS3Proxy(owner, env['PULSE_S3_ENDPOINT'] ?? '')
  return {
    env: { ...env, PULSE_S3_ENDPOINT: proxy.endpoint },
    engines: { kafka, postgresql: postgres, 'the S3 server': s3 },
    s3: proxy,
    around: (system) =>
      Object.assign(Object.create(system) as System, {
        adminUrl: () => env['PULSE_ADMIN_DATABASE_URL'] ?? '',
        appUrl: () => env['PULSE_DATABASE_URL'] ?? '',
        port: (member: Member) => (member === 'bus' ? Number(kafka.broker.split(':').at(-1)) : system.port(member)),
      }),
  }
}

/** Those that pass by themselves within a run; a wrong clock or key does not. */
const PASSING: readonly S3Fault[] = ['slow down', 'cut', 'answer lost', 'torn body', 'not yet known', 'late']

const killed =
  (name: keyof RealPlaces['engines']): Fault =>
  async ({ real }, luck) => {
    const engine = real?.engines[name]
    await engine?.kill()
    await sleep(luck.between(0, 1_000))
    await engine?.start()
  }

/** What real engines meet, beside everything that is not done to an embedded place. */
export const ENGINE_FAULTS: Readonly<Record<string, Fault>> = {
  'kill -9 kafka': killed('kafka'),
  'kill -9 postgresql': killed('postgresql'),
  'kill -9 the S3 server': killed('the S3 server'),
  'S3 fails each call with a chance': async ({ real }, luck) => {
    if (real === undefined) return false
    const share = luck.between(10, 60) / 100
    const before = [...real.s3.done.values()].reduce((sum, count) => sum + count, 0)
    real.s3.next = () => (luck.next() < share ? luck.pick(PASSING) : undefined)
    await sleep(luck.between(500, 3_000))
    real.s3.next = () => undefined
    return [...real.s3.done.values()].reduce((sum, count) => sum + count, 0) > before
  },
}
