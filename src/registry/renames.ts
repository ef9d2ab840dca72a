import type { Rename } from '../pdm/index.ts'
import type { Sql } from '../store/index.ts'

const RENAMES = `SELECT definition->>'from' AS "from", pointer AS "to" FROM pdm_entities
  WHERE kind = 'descriptor' AND descriptor_kind = 'rename' AND schema_uri = $1 AND status = 'published'
    AND definition->>'from' IS NOT NULL AND pointer IS NOT NULL ORDER BY id`

/** What a schema version says was called otherwise in the version before: its published descriptors of the kind `rename`. */
export const renamesOf = (sql: Sql, schemaUri: string): Promise<Rename[]> => sql.query<Rename>(RENAMES, [schemaUri])
