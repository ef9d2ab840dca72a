export { inferDefinition, type Proposal } from './infer.ts'
export { readSamples, type SampleForm } from './samples.ts'
