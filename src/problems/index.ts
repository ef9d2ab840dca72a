export { PROBLEM_EXAMPLES } from './examples.ts'
export { PROBLEMS, type Fault, type ProblemCode } from './table.ts'
export { Problem } from './problem.ts'
