export { currentContext, runWith, sampledTrace } from './context.ts'
export { CANARY_DATASET, CANARY_SLUG, isSlug, namespaceOf } from './names.ts'
