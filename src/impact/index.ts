export { assessImpact } from './impact.ts'
