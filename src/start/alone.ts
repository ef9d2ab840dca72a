import { environmentWith, readSettings, type Environment, type Settings } from '../config/index.ts'
import { secretsOf } from './data-dir.ts'
import { StartRefused } from './refused.ts'
import { readLiveRunFile } from './run-file.ts'

/**
 * The settings of a command that runs beside `pulse start`: where a place is not set, the embedded
 * one of the data folder is taken, if it runs. `needs` names what the command cannot do without.
 * Throws `StartRefused` with a sentence when nothing runs there.
 */
export async function settingsBeside(needs: {
  readonly postgres?: boolean
  readonly bus?: boolean
  readonly admin?: boolean
}): Promise<Settings> {
  const { settings } = readSettings()
  const run = await readLiveRunFile(settings.dataDir)
  const portOf = (name: string): number | undefined => run?.processes.find((running) => running.name === name)?.port
  const found: Record<string, string> = {}
  const postgres = portOf('postgres')
  if (postgres !== undefined && (settings.databaseUrl === undefined || settings.adminDatabaseUrl === undefined)) {
    const secrets = await secretsOf(settings.dataDir)
    const url = (role: string, password: string): string => `postgres://${role}:${password}@127.0.0.1:${postgres}/pulse`
    if (settings.databaseUrl === undefined) {
      found['PULSE_DATABASE_URL'] = url('pulse_app', secrets.app)
      if (settings.adminDatabaseUrl === undefined) found['PULSE_ADMIN_DATABASE_URL'] = url('pulse', secrets.admin)
    }
  }
  const bus = portOf('bus')
  if (bus !== undefined && settings.kafkaBrokers.length === 0) found['PULSE_KAFKA_BROKERS'] = `127.0.0.1:${bus}`
  const beside = readSettings(environmentWith(found satisfies Environment)).settings
  const missing = [
    needs.postgres === true && beside.databaseUrl === undefined ? 'PULSE_DATABASE_URL' : undefined,
    needs.admin === true && beside.adminDatabaseUrl === undefined ? 'PULSE_ADMIN_DATABASE_URL' : undefined,
    needs.bus === true && beside.kafkaBrokers.length === 0 ? 'PULSE_KAFKA_BROKERS' : undefined,
  ].filter((name) => name !== undefined)
  if (missing.length > 0) {
    throw new StartRefused(
      `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not set, and nothing runs on ${settings.dataDir}: set ${missing.length === 1 ? 'it' : 'them'}, or run "pulse start" there first.`,
    )
  }
  return beside
}
