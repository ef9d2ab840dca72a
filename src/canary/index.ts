export { runCanary } from './run.ts'
