import { keysFolder, type Settings } from '../config/index.ts'
import { issueOwnKeys } from '../keys/index.ts'
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

/** With PULSE_AUTH=keys: the keys of operator, canary and doctor, in files of theirs. Answers a sentence about those made now. */
export async function issueKeys(
  settings: Pick<Settings, 'auth' | 'keysDir' | 'dataDir'>,
  adminUrl: string,
): Promise<string | undefined> {
  if (settings.auth !== 'keys') return undefined
  const folder = keysFolder(settings)
  const made = await issueOwnKeys(adminUrl, folder)
  return made.length === 0
    ? undefined
    : `Made the keys of ${made.join(', ')}: files in ${folder}, for their owner's eyes only.`
}

/** `pulse migrate`: the roles and every migration that did not run yet. Answers the exit code; throws a sentence. */
export async function migrateCommand(write: (text: string) => void): Promise<number> {
  const settings = await settingsBeside({ admin: true })
  const ran = await migrateOwn(settings)
  write(
    ran.length === 0
      ? 'Nothing to migrate: the database is of this version.\n'
      : `${ran.map((name) => `migrated ${name}`).join('\n')}\n`,
  )
  const keys = await issueKeys(settings, settings.adminDatabaseUrl ?? '')
  if (keys !== undefined) write(`${keys}\n`)
  return 0
}
