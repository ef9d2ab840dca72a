export { completionScript, SHELLS, type Shell } from './completion.ts'
export { commandsDocument } from './document.ts'
export { addVerbs } from './program.ts'
