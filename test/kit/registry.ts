import assert from 'node:assert/strict'
import {
  createDataset,
  createEntity,
  createTenant,
  patchEntity,
  type Dataset,
  type Tenant,
} from '../../src/registry/index.ts'
import type { ObjectStore } from '../../src/lake/index.ts'
import { Problem, type ProblemCode } from '../../src/problems/index.ts'
import type { Store } from '../../src/store/index.ts'
import { openMemoryBus } from './memory-bus.ts'

const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
let count = 0

interface RegistryPlaces {
  readonly store: Store
  readonly objects: ObjectStore
  readonly warehouse: string
}

/** A tenant, through the registry's own door. */
export const makeTenant = (places: Pick<RegistryPlaces, 'store' | 'warehouse'>, slug: string): Promise<Tenant> =>
  createTenant(
    { ...places, admin: openMemoryBus().admin, topicPartitions: 1, deadLetterDays: 30 },
    { slug, name: slug },
  )

/** A schema of the tenant's, published. */
export async function makeSchema(
  places: Pick<RegistryPlaces, 'store'>,
  tenantId: string,
  definition: unknown = { type: 'object' },
): Promise<{ id: string; uri: string }> {
  const made = await createEntity(places.store, tenantId, 'schema', {
    uri: `https://test.example/schema/${process.pid}/${++count}`,
    title: 'Schema',
    class_uri: CLASS,
    definition: JSON.stringify(definition),
  })
  await patchEntity(places.store, tenantId, { kind: 'schema', id: made.id }, { status: 'published' })
  return made
}

export const makeDataset = (
  places: RegistryPlaces,
  tenantId: string,
  slug: string,
  schemaUri: string,
): Promise<Dataset> =>
  createDataset({ ...places, owner: 'test', readerGraceSeconds: 300, clock: { now: () => Date.now() } }, tenantId, {
    slug,
    name: slug,
    schema_uri: schemaUri,
  })

/** For `assert.rejects`: a `Problem` with that code. */
export const isProblem =
  (code: ProblemCode) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Problem, String(error))
    assert.equal(error.code, code, error.message)
    return true
  }
