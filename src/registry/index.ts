export { busProblem } from './away.ts'
export type { Binding, KnownTenant } from './binding-rows.ts'
export { openBindings, type Bindings, type BindingsOptions } from './bindings.ts'
export { ensureCanaryTenant, isReservedSlug } from './canary.ts'
export {
  createDataset,
  getDataset,
  listDatasets,
  patchDataset,
  type Dataset,
  type DatasetPlaces,
  type NewDataset,
} from './datasets.ts'
export { createEntity, getEntity, listEntities, type EntityQuery } from './entities.ts'
export {
  ENTITY_KINDS,
  type Entity,
  type EntityChange,
  type EntityKind,
  type EntityStatus,
  type NewEntity,
} from './kinds.ts'
export { archiveEntity, patchEntity } from './lifecycle.ts'
export type { Page, PageQuery } from './pages.ts'
export {
  createTenant,
  getTenant,
  listTenants,
  patchTenant,
  type NewTenant,
  type Tenant,
  type TenantChange,
  type TenantPlaces,
} from './tenants.ts'
