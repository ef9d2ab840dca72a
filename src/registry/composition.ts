import { compose, compositionOf, referencesOf, type Composed, type Definition } from '../pdm/index.ts'
import { Problem } from '../problems/index.ts'
import { inDefinition } from './definition-faults.ts'
import type { EntityKind } from './kinds.ts'
import { definitionOf, requireReferent, type Referent, type References } from './references.ts'

/** What an entity is made of, references checked. */
export interface Parts {
  readonly classUri: string | undefined
  readonly fieldGroupUris: readonly string[]
  /** Schemas only. */
  readonly composed: Composed | undefined
}

interface PartsInput {
  readonly kind: EntityKind
  readonly definition: Definition
  readonly class_uri?: string | undefined
  readonly field_group_uris?: readonly string[] | undefined
  readonly schema_uri?: string | undefined
}

const MAX_FIELD_GROUPS = 64

/**
 * Finds what an entity refers to and, for a schema, composes it. `published` asks that all parts are
 * published: a published schema never changes, so its parts must not either.
 */
export async function resolveParts(references: References, input: PartsInput, published = false): Promise<Parts> {
  const inside = inDefinition(() => compositionOf(input.definition))
  const classUri = agreed('class_uri', '$class', input.class_uri, inside.classUri)
  const given = input.field_group_uris?.length === 0 ? undefined : input.field_group_uris
  const fieldGroupUris = agreed('field_group_uris', '$fieldGroups', given, inside.fieldGroupUris) ?? []
  if (fieldGroupUris.length > MAX_FIELD_GROUPS) {
    throw new Problem(
      'schema_too_large',
      `A schema mixes in at most ${MAX_FIELD_GROUPS} field groups, not ${fieldGroupUris.length}.`,
    )
  }
  const direct = [classUri, ...fieldGroupUris, input.schema_uri].filter((uri) => uri !== undefined)
  await references.load(direct)
  const definitions = [input.definition, ...direct.flatMap((uri) => definitionOf(references, uri))]
  if (input.kind !== 'descriptor') await references.loadClosure(definitions)

  if (input.schema_uri !== undefined) {
    requireReferent(references, input.schema_uri, { kind: 'schema', pointer: '/schema_uri', published })
  }
  if (input.kind !== 'schema' && input.kind !== 'field_group') {
    if (input.kind !== 'descriptor') requireDatatypes(references, [input.definition], published)
    return { classUri: undefined, fieldGroupUris: [], composed: undefined }
  }
  if (classUri === undefined) {
    throw new Problem('invalid', 'No class is named: give class_uri (or $class in the definition).', {
      errors: [{ pointer: '/class_uri', keyword: 'required', message: 'is required' }],
    })
  }
  const base = requireReferent(references, classUri, { kind: 'class', pointer: '/class_uri', published })
  if (input.kind === 'field_group') {
    requireDatatypes(references, [input.definition], published)
    return { classUri, fieldGroupUris: [], composed: undefined }
  }

  const fieldGroups = fieldGroupUris.map((uri, at) => {
    const pointer = `/field_group_uris/${at}`
    const group = requireReferent(references, uri, { kind: 'field_group', pointer, published })
    if (group.class_uri !== classUri) {
      throw new Problem(
        'composition_conflict',
        `The field group ${uri} targets the class ${group.class_uri}, not ${classUri}.`,
        {
          errors: [{ pointer, keyword: 'class_uri', message: `targets the class ${group.class_uri}` }],
        },
      )
    }
    return group
  })
  requireDatatypes(
    references,
    [input.definition, base.definition, ...fieldGroups.map((group) => group.definition)],
    published,
  )
  const composed = compose({
    definition: inside.rest,
    class: part(base),
    fieldGroups: fieldGroups.map(part),
    resolve: (uri) => {
      const found = references.get(uri.split('#', 1)[0] as string)
      return found?.kind === 'datatype' ? found.definition : undefined
    },
  })
  return { classUri, fieldGroupUris, composed }
}

/** Every datatype that is reachable from the definitions must be usable, not only those at the surface. */
function requireDatatypes(references: References, definitions: readonly Definition[], published: boolean): void {
  const seen = new Set<string>()
  const rest = [...definitions]
  while (rest.length > 0) {
    for (const uri of referencesOf(rest.pop() as Definition)) {
      if (seen.has(uri)) continue
      seen.add(uri)
      rest.push(requireReferent(references, uri, { kind: 'datatype', pointer: '/definition', published }).definition)
    }
  }
}

const part = ({ uri, definition }: Referent): { uri: string; definition: Definition } => ({
  uri,
  definition: compositionOf(definition).rest,
})

/** A reference may stand in the request or in the definition; where it stands in both they must agree. */
function agreed<T>(member: string, keyword: string, given: T | undefined, inside: T | undefined): T | undefined {
  if (given !== undefined && inside !== undefined && JSON.stringify(given) !== JSON.stringify(inside)) {
    throw new Problem('invalid', `${member} and ${keyword} name different things: leave one of them out.`, {
      errors: [{ pointer: `/definition/${keyword}`, keyword, message: `differs from ${member}` }],
    })
  }
  return inside ?? given
}
