import type { Settings } from '../config/index.ts'
import { migrate } from '../store/index.ts'
import { settingsBeside } from './alone.ts'
import { StartRefused } from './refused.ts'

/**
 * Migrates the database of PULSE_ADMIN_DATABASE_URL. A pulse_app that is made now gets the password
 * that PULSE_DATABASE_URL names. Answers what ran. Throws a sentence.
 */
export async function migrateOwn(settings: Settings): Promise<string[]> {
  const { adminDatabaseUrl, databaseUrl, leaseSeconds } = settings
  if (adminDatabaseUrl === undefined)
    throw new StartRefused('PULSE_ADMIN_DATABASE_URL is not set: name the database to migrate, as its owner.')
  const app = URL.parse(databaseUrl ?? '')
  const isApp = app?.username === 'pulse_app' && app.password !== ''
  return migrate(adminDatabaseUrl, {
    leaseSeconds,
    ...(isApp ? { appPassword: decodeURIComponent(app.password) } : {}),
  })
}

/** `pulse migrate`: the roles and every migration that did not run yet. Answers the exit code; throws a sentence. */
export async function migrateCommand(write: (text: string) => void): Promise<number> {
  const ran = await migrateOwn(await settingsBeside({ admin: true }))
  write(
    ran.length === 0
      ? 'Nothing to migrate: the database is of this version.\n'
      : `${ran.map((name) => `migrated ${name}`).join('\n')}\n`,
  )
  return 0
}
