import type { DemoOptions } from './demo.ts'

export { settingsBeside } from './alone.ts'
export { serveBus } from './bus.ts'
export { StartRefused, sentenceOf } from './refused.ts'
export { serveRole, type Role, type Running } from './role.ts'
export { readLiveRunFile, readRunFile, type RunFile, type RunningProcess } from './run-file.ts'
export { start } from './start.ts'
export { migrateCommand } from './migrate.ts'

/** Loaded when it runs: it brings DuckDB, which the supervisor does without. */
export const runDemo = async (options: DemoOptions): Promise<number> => (await import('./demo.ts')).runDemo(options)
