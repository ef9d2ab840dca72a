export { serveBus } from './bus.ts'
export { StartRefused, sentenceOf } from './refused.ts'
export { serveRole, type Role, type Running } from './role.ts'
export type { RunFile, RunningProcess } from './run-file.ts'

/*
 * What follows is loaded when it is called, because every process comes through this door: a bus or a canary
 * has no use for a Postgres driver (6 MiB), and the supervisor none for DuckDB.
 */

type Of<M, N extends keyof M> = M[N] extends (...given: infer G) => Promise<infer A>
  ? (...given: G) => Promise<A>
  : never

export const start: Of<typeof import('./start.ts'), 'start'> = async (...given) =>
  (await import('./start.ts')).start(...given)
export const migrateCommand: Of<typeof import('./migrate.ts'), 'migrateCommand'> = async (...given) =>
  (await import('./migrate.ts')).migrateCommand(...given)
export const settingsBeside: Of<typeof import('./alone.ts'), 'settingsBeside'> = async (...given) =>
  (await import('./alone.ts')).settingsBeside(...given)
export const readRunFile: Of<typeof import('./run-file.ts'), 'readRunFile'> = async (...given) =>
  (await import('./run-file.ts')).readRunFile(...given)
export const readLiveRunFile: Of<typeof import('./run-file.ts'), 'readLiveRunFile'> = async (...given) =>
  (await import('./run-file.ts')).readLiveRunFile(...given)
export const runDemo: Of<typeof import('./demo.ts'), 'runDemo'> = async (...given) =>
  (await import('./demo.ts')).runDemo(...given)
