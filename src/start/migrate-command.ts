import { migrate } from '../store/index.ts'
import { settingsBeside } from './alone.ts'

/** `pulse migrate`: the roles and every migration that did not run yet. Answers the exit code; throws a sentence. */
export async function migrateCommand(write: (text: string) => void): Promise<number> {
  const settings = await settingsBeside({ admin: true })
  const app = URL.parse(settings.databaseUrl ?? '')
  const password =
    app?.username === 'pulse_app' && app.password !== '' ? { appPassword: decodeURIComponent(app.password) } : {}
  const ran = await migrate(settings.adminDatabaseUrl as string, { ...password, leaseSeconds: settings.leaseSeconds })
  write(
    ran.length === 0
      ? 'Nothing to migrate: the database is of this version.\n'
      : `${ran.map((name) => `migrated ${name}`).join('\n')}\n`,
  )
  return 0
}
