export { PROBLEMS, type Fault, type ProblemCode } from './table.ts'
export { Problem, type ProblemExtra } from './problem.ts'
