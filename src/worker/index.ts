export { runWorker, type RunningWorker, type WorkerOptions } from './run.ts'
