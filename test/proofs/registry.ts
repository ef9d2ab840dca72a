import type { Proof } from './proof.ts'

const evolve = { number: 34, promise: 'A column is for ever', test: 'test/pdm/evolve.test.ts' } as const
const EVOLVE = 'src/pdm/evolve.ts'

export const PROOFS: readonly Proof[] = [
  {
    number: 31,
    promise: 'What is published never changes',
    test: 'test/registry/entities.test.ts',
    name: 'a schema is published only when all its parts are, and what it composes to stays',
    mutation: {
      file: 'src/registry/composition.ts',
      from: "{ kind: 'field_group', pointer, published }",
      to: "{ kind: 'field_group', pointer, published: false }",
    },
  },
  {
    number: 31,
    promise: 'What is published never changes',
    test: 'test/api/problems.test.ts',
    name: 'changes that cannot be made',
    mutation: {
      file: 'src/pdm/lifecycle.ts',
      from: "published: { publish: 'lifecycle_forward_only', archive: 'archived', edit: 'definition_frozen' }",
      to: "published: { publish: 'lifecycle_forward_only', archive: 'archived', edit: 'published' }",
    },
  },
  {
    number: 32,
    promise: 'Nobody overwrites what he has not seen',
    test: 'test/api/etags.test.ts',
    name: 'of twenty who show the same ETag at once, exactly one changes it',
    mutation: {
      file: 'src/api/etags.ts',
      from: 'if (!wanted.includes(etag)) throw failed(wanted, members, etag)',
      to: 'if (wanted.length === 0) throw failed(wanted, members, etag)',
    },
  },
  {
    number: 32,
    promise: 'Nobody overwrites what he has not seen',
    test: 'test/api/etags.test.ts',
    name: 'of twenty who show the same ETag at once, exactly one changes it',
    mutation: {
      file: 'src/registry/entity-rows.ts',
      from: '(`${GET} FOR UPDATE`, [id, kind])',
      to: '(GET, [id, kind])',
    },
  },
  {
    number: 33,
    promise: 'What is personal is masked, for who may not see it',
    test: 'test/e2e/personal.test.ts',
    name: 'what is labelled pii is masked for a key without that scope, wherever it lies in a row, and for no other',
    mutation: {
      file: 'src/api/routes/datasets.ts',
      from: "return asked ?? (may ? 'none' : 'pii')",
      to: "return asked ?? 'none'",
    },
  },
  {
    number: 33,
    promise: 'What is personal is masked, for who may not see it',
    test: 'test/preview/masked.test.ts',
    name: 'what is masked is three stars at its place, and its path is told',
    mutation: {
      file: 'src/preview/masked.ts',
      from: 'return masked.has(id) ? [name] : below(type, masked)',
      to: 'return typeof type === "string" && masked.has(id) ? [name] : below(type, masked)',
    },
  },
  {
    number: 33,
    promise: 'What is personal is masked, for who may not see it',
    test: 'test/registry/descriptors.test.ts',
    name: 'what a version names and labels is masked where an open version before may have kept it: in _extra',
    mutation: {
      file: 'src/registry/personal.ts',
      from: 'Array.from(all).filter(',
      to: 'Array.from([] as LineShape[]).filter(',
    },
  },
  {
    ...evolve,
    name: 'whatever versions follow each other, every id means one thing for ever',
    mutation: { file: EVOLVE, from: 'let last = existing.lastColumnId', to: 'let last = existing.fields.length' },
  },
  {
    ...evolve,
    name: 'int, float and decimal widen; every other change of type is refused',
    mutation: {
      file: EVOLVE,
      from: "if (typeof old !== 'string' || !promotes(old, draft)) return refuse(draft)",
      to: "if (typeof old !== 'string') return refuse(draft)",
    },
  },
  {
    ...evolve,
    test: 'test/registry/rebind.test.ts',
    name: 'a version that supersedes an earlier one keeps the columns of that, whatever a version between has called them',
    mutation: {
      file: 'src/registry/design.ts',
      from: 'versions.get(descent.follows ?? dataset.schema_id) ?? current',
      to: 'current',
    },
  },
  {
    number: 35,
    promise: 'An event under way keeps the version that it was accepted under',
    test: 'test/ingest/evolution.test.ts',
    name: 'a worker that knows the table of before writes rows of a new version into the columns that came with it',
    mutation: {
      file: 'src/ingest/resolve.ts',
      from: "await bindings.byId(tenantId, datasetId, schemaId === '' ? undefined : schemaId)",
      to: 'await bindings.byId(tenantId, datasetId)',
    },
  },
  {
    number: 36,
    promise: 'What a new version would refuse is known before it is bound',
    test: 'test/impact/impact.test.ts',
    name: 'rows and dead letters that would pass and fail are counted',
    mutation: {
      file: 'src/impact/impact.ts',
      from: 'const validate = compileValidator(proposal.composed)',
      to: 'const validate = compileValidator(proposal.bound.composed)',
    },
  },
  {
    number: 36,
    promise: 'What a new version would refuse is known before it is bound',
    test: 'test/impact/impact.test.ts',
    name: 'rows that might fare otherwise, by what the lake does not tell, are counted and shown apart',
    mutation: {
      file: 'src/impact/impact.ts',
      from: 'event === other ? faults : judged(other)',
      to: 'faults',
    },
  },
]
