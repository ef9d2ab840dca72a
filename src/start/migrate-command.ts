import { settingsBeside } from './alone.ts'
import { migrateOwn } from './migrate-own.ts'

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
