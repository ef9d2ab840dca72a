export { currentContext, runWith } from './context.ts'
export { CANARY_SLUG, isSlug, namespaceOf } from './names.ts'
