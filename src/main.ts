import { enableCompileCache } from 'node:module'
import manifest from '../package.json' with { type: 'json' }
import { Argument, Command, InvalidArgumentError } from 'commander'
import type { Shell } from './commands/index.ts'
import { readSettings, settingsHelp, type Loaded } from './config/index.ts'
import type { DoctorOptions, TraceOptions } from './doctor/index.ts'
import { sentenceOf, serveBus, serveRole, settingsBeside, type Role } from './start/index.ts'

enableCompileCache() // most of a start is compiling: measured in docs/operate/performance.md

const write = (text: string): void => void process.stdout.write(text)

/** The settings of a whole command; what was not understood is said once, on standard error. */
function loadedOrExit(): Loaded {
  const loaded = readSettings()
  for (const warning of loaded.warnings) process.stderr.write(`${warning}\n`)
  return loaded
}

/** A command that ends: its exit code, or 1 with one sentence. */
async function ending(act: () => Promise<number>): Promise<never> {
  try {
    process.exit(await act())
  } catch (error) {
    process.stderr.write(`${sentenceOf(error)}\n`)
    process.exit(1)
  }
}

/** Rooms are loaded when their command runs: `pulse --help` needs none of them. */
const ROLES: Readonly<Record<'api' | 'worker' | 'bus' | 'canary', () => Promise<Role>>> = {
  api: async () => (await import('./api/index.ts')).runApi,
  worker: async () => (await import('./worker/index.ts')).runWorker,
  bus: async () => serveBus,
  canary: async () => (await import('./canary/index.ts')).runCanary,
}

/** An option's seconds. */
function seconds(text: string): number {
  const found = Number(text)
  if (!(found > 0 && found <= 3600)) throw new InvalidArgumentError('Give seconds, more than 0 and at most 3600.')
  return found
}

/** An option's address. */
function address(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new InvalidArgumentError('Give an address like http://127.0.0.1:8000.')
  return text
}

interface Given {
  readonly supervised?: true
}

/** The command line, whole: what `--help`, completion and docs/reference/commands.md are made of. */
export async function program(): Promise<Command> {
  const pulse = roles()
  const { addVerbs, completionScript, SHELLS } = await import('./commands/index.ts')
  pulse
    .command('completion')
    .description('print what a shell needs to complete this command line')
    .addArgument(new Argument('<shell>', 'which one').choices([...SHELLS]))
    .addHelpText('after', '\nExample:\n  source <(pulse completion bash)')
    .action((shell: Shell) => ending(async () => (write(completionScript(shell, pulse)), 0)))
  addVerbs(pulse, {
    settings: () => loadedOrExit().settings,
    ...terminal,
    end: (code) => process.exit(code), // what was written is out; standard input may be open for ever
    defect(error) {
      process.stderr.write(`${sentenceOf(error)}\n`)
      process.exit(1)
    },
  })
  return pulse
}

/** A person's terminal, or what stands in its place. */
const terminal = {
  write: (text: string) =>
    new Promise<void>((resolve, reject) => {
      process.stdout.once('error', ({ code }: NodeJS.ErrnoException) => {
        if (code === 'EPIPE') process.exit(0) // whoever read has enough: `pulse … | head`
        reject(new Error(`Standard output cannot be written: ${code}.`))
      })
      process.stdout.write(text, () => resolve())
    }),
  complain: (text: string) => void process.stderr.write(text),
  progress: (line: string) => void (process.stderr.isTTY && process.stderr.write(`\r\u001b[K${line}`)),
  wipe: () => void (process.stderr.isTTY && process.stderr.write('\r\u001b[K')),
  columns: (of: 'stdout' | 'stderr') =>
    process[of].isTTY && process[of].columns > 0 ? process[of].columns : undefined,
  whenStopped(act: () => void) {
    const end = (code: number) => (): void => {
      act()
      process.exit(code) // as shells say it of a process that a signal ended
    }
    process.once('SIGINT', end(130)).once('SIGTERM', end(143))
  },
}

/** What runs Pulse, and looks at it. */
function roles(): Command {
  const pulse = new Command('pulse')
    .description(
      'Pulse, a multi-tenant event platform: an HTTP API and a worker that carries events into Apache Iceberg, exactly once.',
    )
    .version(manifest.version, '-V, --version', 'which one this is')
    .addHelpText('after', '\nSettings are environment variables: pulse start --help lists them all.')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : NOT_UNDERSTOOD))
  pulse
    .command('start')
    .description('run everything: Postgres and bus (embedded where none is set), API, worker, canary')
    .addHelpText('after', () => `\n${settingsHelp()}`)
    .action(() => ending(async () => (await import('./start/index.ts')).start(loadedOrExit(), write)))
  for (const [name, says] of [
    ['api', 'run the API alone'],
    ['worker', 'run a worker alone (any number, anywhere)'],
  ] as const) {
    pulse
      .command(name)
      .description(says)
      .option('--supervised', 'wait for the settings of the process that started this one')
      .action((given: Given) => serveRole(ROLES[name], () => settingsBeside({ postgres: true, bus: true }), given))
  }
  for (const [name, says] of [
    ['bus', 'run the embedded bus alone (one machine only)'],
    ['canary', 'send events in at the API and read them back, for ever'],
  ] as const) {
    pulse
      .command(name)
      .description(says)
      .option('--supervised', 'wait for the settings of the process that started this one')
      .action((given: Given) => serveRole(ROLES[name], async () => loadedOrExit().settings, given))
  }
  pulse
    .command('migrate')
    .description('bring the database to this version, with PULSE_ADMIN_DATABASE_URL')
    .action(() => ending(async () => (await import('./start/index.ts')).migrateCommand(write)))
  pulse
    .command('demo')
    .description('carry 1,707 real earthquakes through a running Pulse')
    .action(() => ending(async () => (await import('./demo-command.ts')).demoCommand(write)))
  pulse
    .command('doctor')
    .description('send one event through and say what is wrong first')
    .option('--api <url>', 'where the API answers; without it run.json and the settings say', address)
    .option('--worker <url>', "a worker's health port, the same", address)
    .option('--timeout <seconds>', 'how long the event may take to its row', seconds, 90)
    .option('--json', 'the report as one JSON object')
    .action((given: DoctorOptions) =>
      ending(async () => (await import('./doctor/index.ts')).doctorCommand(given, write)),
    )
  pulse
    .command('trace')
    .argument('<row>', 'a _source (topic/partition/offset) or an _event_id')
    .description("from a row (_source, or _event_id with --tenant) to its request's trace, its flush and its snapshot")
    .option('--tenant <slug>', 'whose event id it is')
    .option('--dataset <slug>', 'the dataset that has the row')
    .option('--api <url>', 'where the API answers; without it run.json and the settings say', address)
    .option('--worker <url>', "a worker's health port, the same", address)
    .option('--json', 'the facts as one JSON object')
    .action((row: string, given: TraceOptions) =>
      ending(async () => (await import('./doctor/index.ts')).traceCommand(row, given, write)),
    )
  pulse
    .command('telemetry')
    .description('what can be seen of Pulse')
    .command('budget')
    .description('the most series, lines and bytes that a scrape of each plane can have with these settings')
    .action(() =>
      ending(async () => {
        const { metricsTenants, metricsDatasets, metricsPinned } = loadedOrExit().settings
        const { budgetCommand } = await import('./telemetry/index.ts')
        return budgetCommand({ tenants: metricsTenants, datasets: metricsDatasets, pinned: metricsPinned }, write)
      }),
    )
  return pulse
}

const NOT_UNDERSTOOD = 2

/** Reads the command line and runs it. Resolves when there is nothing more to say; long-running commands keep the process. */
export async function main(argv: readonly string[]): Promise<void> {
  const isRole = Object.hasOwn(ROLES, argv[2] ?? '') || argv[2] === 'start' // they live long, and have no use for verbs
  const pulse = isRole ? roles() : await program()
  await pulse.parseAsync([...argv])
}

if (import.meta.main) await main(process.argv)
