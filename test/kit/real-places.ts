import { withKafka, type TestKafka } from './kafka.ts'
import type { RealPlace } from './keeping.ts'
import type { Owner } from './postgres.ts'
import { withServer } from './postgres-server.ts'
import { withS3 } from './s3.ts'

/**
 * The real engines that Pulse runs on, in any mix with its embedded places: what differs between two mixes is settings and nothing
 * else. Each engine is a process of the test's own; a missing program is an error that names it.
 */
interface Mix {
  readonly bus: 'embedded' | 'kafka'
  readonly postgres: 'embedded' | 'external'
  readonly lake: 'folder' | 's3'
}

/** Every mix, all embedded first and all real last. */
export const MIXES: readonly Mix[] = (['embedded', 'kafka'] as const).flatMap((bus) =>
  (['embedded', 'external'] as const).flatMap((postgres) =>
    (['folder', 's3'] as const).map((lake) => ({ bus, postgres, lake })),
  ),
)

interface Places {
  /** For `pulse start`, or for processes of their own (`openFleet`); nothing of what is embedded. */
  readonly env: Readonly<Record<string, string>>
  readonly kafka?: TestKafka
  readonly postgres?: RealPlace
  readonly s3?: RealPlace
}

export const nameOfMix = ({ bus, postgres, lake }: Mix): string =>
  [
    bus === 'kafka' ? 'Apache Kafka' : 'the embedded bus',
    postgres === 'external' ? "Debian's PostgreSQL" : 'the embedded PostgreSQL',
    lake === 's3' ? 'S3' : 'a folder',
  ].join(', ')

/** Starts what is real in the mix, all at once. */
export async function openPlaces(owner: Owner, mix: Mix): Promise<Places> {
  const [kafka, postgres, s3] = await Promise.all([
    mix.bus === 'kafka' ? withKafka(owner) : undefined,
    // Debian's newest, its roles made as docs/operate/running.md says; `pulse` migrates it.
    mix.postgres === 'external' ? withServer(owner, { settings: ['max_connections=200'] }) : undefined,
    mix.lake === 's3' ? withS3(owner) : undefined,
  ])
  return {
    env: {
      ...(kafka === undefined ? {} : { PULSE_KAFKA_BROKERS: kafka.broker }),
      ...(postgres === undefined
        ? {}
        : { PULSE_ADMIN_DATABASE_URL: postgres.adminUrl, PULSE_DATABASE_URL: postgres.appUrl }),
      ...s3?.env,
    },
    ...(kafka === undefined ? {} : { kafka }),
    ...(postgres === undefined ? {} : { postgres }),
    ...(s3 === undefined ? {} : { s3: s3.place }),
  }
}
