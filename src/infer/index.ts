export { inferDefinition, type Proposal } from './infer.ts'
export { readSamples, type Sample, type SampleForm } from './samples.ts'
