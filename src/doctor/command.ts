import { SettingsRefused } from '../config/index.ts'
import { systemClock } from '../event/index.ts'
import { readLiveRunFile, settingsBeside } from '../start/index.ts'
import { examine } from './examine.ts'
import { finding } from './faults.ts'
import { journeyOf } from './journey.ts'
import { thisMachine } from './machine.ts'
import { placesOf } from './places.ts'
import { openPostgresView } from './postgres.ts'
import { asJson, asText, type Report } from './report.ts'

/** What was said on the command line. */
export interface DoctorOptions {
  readonly api?: string | undefined
  readonly worker?: string | undefined
  /** Seconds from the event's acceptance to its row. */
  readonly timeout: number
  readonly json?: boolean | undefined
}

/**
 * `pulse doctor`: against what runs on the data folder, else where the settings say. Writes one report and answers
 * the exit code: 0 where all nine steps are well, 1 otherwise.
 */
export async function doctorCommand(options: DoctorOptions, write: (text: string) => void): Promise<number> {
  const report = await reportFor(options)
  write(options.json === true ? asJson(report) : asText(report))
  return report.ok ? 0 : 1
}

async function reportFor({ api, worker, timeout }: DoctorOptions): Promise<Report> {
  try {
    const settings = await settingsBeside({})
    const places = placesOf(settings, await readLiveRunFile(settings.dataDir), { api, worker })
    await using postgres = await openPostgresView(places.databaseUrl)
    return await examine({ places, machine: thisMachine(systemClock.now), postgres, timeoutMs: timeout * 1000 })
  } catch (error) {
    if (!(error instanceof SettingsRefused)) throw error
    const first = finding('settings_refused', { detail: error.faults.join(' ') })
    return {
      ok: false,
      apiUrl: api ?? 'unknown',
      workerUrl: worker ?? 'unknown',
      traceId: undefined,
      eventId: undefined,
      flushId: undefined,
      snapshotId: undefined,
      totalMs: undefined,
      steps: journeyOf(undefined, undefined, first),
      first,
      further: [],
    }
  }
}
