export { currentContext, runWith, type TenantContext } from './context.ts'
export { CANARY_SLUG, isSlug, namespaceOf } from './names.ts'
