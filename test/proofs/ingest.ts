import type { Proof } from './proof.ts'

const once = { number: 42, promise: 'Each event once', test: 'test/ingest/settle.test.ts' } as const
const COMMIT = 'src/store/migrations/0019-commit-flush.sql'

export const PROOFS: readonly Proof[] = [
  {
    ...once,
    name: 'an old generation is refused by name and moves nothing',
    mutation: { file: COMMIT, from: 'OR s.generation IS DISTINCT FROM f.generation', to: '' },
  },
  {
    ...once,
    name: 'a commit that builds on a flush which Postgres has lost is refused',
    mutation: { file: COMMIT, from: 's.flushes IS DISTINCT FROM f.flushes OR', to: '' },
  },
  {
    ...once,
    name: 'a table that moved is named with where it is now',
    mutation: {
      file: COMMIT,
      from: 't.metadata_location IS DISTINCT FROM w."from";',
      to: 't.metadata_location IS NULL;',
    },
  },
  {
    ...once,
    name: 'a condemned intent and one that is not there are refused',
    mutation: { file: COMMIT, from: 'AND condemned_at IS NULL FOR UPDATE', to: 'FOR UPDATE' },
  },
  {
    ...once,
    name: 'ids that the ledger knows are named, all of them and of every dataset, and nothing moves',
    mutation: { file: COMMIT, from: 'IF d.rows > 0 THEN PERFORM', to: 'IF false THEN PERFORM' },
  },
  {
    ...once,
    name: 'settled offsets never go backwards and never lie outside the fence',
    mutation: { file: COMMIT, from: ' WHERE s.next_offset <= excluded.next_offset;', to: ';' },
  },
  {
    ...once,
    name: 'the same commit offered again is the same commit',
    mutation: {
      file: COMMIT,
      from: "IF FOUND THEN RETURN jsonb_build_object('kind', 'committed'",
      to: "IF false THEN RETURN jsonb_build_object('kind', 'committed'",
    },
  },
]
