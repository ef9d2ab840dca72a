import { compose, compositionOf, inline, referencesOf, tooLarge, type Composed, type Definition } from '../pdm/index.ts'
import { Problem } from '../problems/index.ts'
import { inDefinition } from './definition-faults.ts'
import { ENTITY_KINDS, type EntityKind } from './kinds.ts'
import { definitionOf, requireReferent, type Referent, type References } from './references.ts'

/** What an entity is made of, references checked. */
export interface Parts {
  readonly classUri: string | undefined
  readonly fieldGroupUris: readonly string[]
  /** Schemas only. */
  readonly composed: Composed | undefined
  /** Every URI that the entity itself refers to. */
  readonly uses: readonly string[]
}

interface PartsInput {
  readonly kind: EntityKind
  readonly uri: string
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
    throw tooLarge(
      `A schema mixes in at most ${MAX_FIELD_GROUPS} field groups, not ${fieldGroupUris.length}.`,
      '/field_group_uris',
    )
  }
  const direct = [classUri, ...fieldGroupUris, input.schema_uri].filter((uri) => uri !== undefined)
  await references.load(direct)
  const definitions = [input.definition, ...direct.flatMap((uri) => definitionOf(references, uri))]
  if (input.kind === 'descriptor') await references.load(leadsTo(input))
  else await references.loadClosure(definitions)
  const uses = usesOf(input, direct)

  if (input.schema_uri !== undefined) {
    requireReferent(references, input.schema_uri, { kind: 'schema', pointer: '/schema_uri', published })
  }
  if (input.kind !== 'schema' && input.kind !== 'field_group') {
    if (input.kind === 'descriptor') requireTargets(references, input, published)
    else requireWhole(references, input, published)
    return { classUri: undefined, fieldGroupUris: [], composed: undefined, uses }
  }
  if (classUri === undefined) {
    throw new Problem('invalid', 'No class is named: give class_uri (or $class in the definition).', {
      errors: [{ pointer: '/class_uri', keyword: 'required', message: 'is required' }],
    })
  }
  const base = requireReferent(references, classUri, { kind: 'class', pointer: '/class_uri', published })
  if (input.kind === 'field_group') {
    requireWhole(references, input, published)
    return { classUri, fieldGroupUris: [], composed: undefined, uses }
  }

  const fieldGroups = fieldGroupUris.map((uri, at) => {
    const pointer = `/field_group_uris/${at}`
    const group = requireReferent(references, uri, { kind: 'field_group', pointer, published })
    if (group.class_uri !== classUri) {
      throw new Problem(
        'composition_conflict',
        `The field group ${uri} (${pointer}) targets the class ${group.class_uri}, and the schema (/class_uri) is of the class ${classUri}: use a field group of that class.`,
        {
          errors: [
            { pointer, keyword: 'class_uri', message: `targets the class ${group.class_uri}` },
            { pointer: '/class_uri', keyword: 'class_uri', message: `is the class ${classUri}` },
          ],
        },
      )
    }
    return group
  })
  requireDatatypes(
    references,
    [
      own(input),
      { label: `class ${classUri} at `, pointer: '/class_uri', definition: base.definition },
      ...fieldGroups.map(({ uri, definition }, at) => ({
        label: `field group ${uri} at `,
        pointer: `/field_group_uris/${at}`,
        definition,
      })),
    ],
    published,
  )
  const composed = compose({
    definition: inside.rest,
    class: part(base),
    fieldGroups: fieldGroups.map(part),
    resolve: datatypesOf(references),
  })
  return { classUri, fieldGroupUris, composed, uses }
}

/** Every URI that an entity refers to itself, each once, in order. */
const usesOf = (input: PartsInput, direct: readonly string[]): string[] =>
  [
    ...new Set([
      ...direct,
      ...leadsTo(input),
      ...(input.kind === 'descriptor' ? [] : referencesOf(input.definition).keys()),
    ]),
  ].sort()

/** Where a relationship leads. */
function leadsTo({ kind, definition }: PartsInput): string[] {
  return kind === 'descriptor' && typeof definition['to'] === 'string' ? [definition['to']] : []
}

function requireTargets(references: References, input: PartsInput, published: boolean): void {
  for (const uri of leadsTo(input))
    requireReferent(references, uri, { kind: 'schema', pointer: '/definition/to', published })
}

/** What a definition says that stands for itself: its datatypes are there, and lead to no circle. */
function requireWhole(references: References, input: PartsInput, published: boolean): void {
  requireDatatypes(references, [own(input)], published)
  const resolve = datatypesOf(references)
  // Its own text is this one, not what the registry has of it.
  const self = (uri: string): Definition | undefined => (uri === input.uri ? input.definition : resolve(uri))
  const source = {
    label: `${ENTITY_KINDS[input.kind].noun} ${input.uri}`,
    place: (pointer: string) => `/definition${pointer}`,
  }
  inline(source, compositionOf(input.definition).rest, self)
}

const datatypesOf =
  (references: References) =>
  (uri: string): Definition | undefined => {
    const found = references.get(uri)
    return found?.kind === 'datatype' ? found.definition : undefined
  }

/** A definition, how sentences begin that name a place in it, and where it lies in the request (its own below `/definition`). */
interface Place {
  readonly label: string
  readonly pointer: string | undefined
  readonly definition: Definition
}
const own = ({ definition }: PartsInput): Place => ({ label: '/definition', pointer: undefined, definition })

/** Every datatype that is reachable from the definitions must be usable, not only those at the surface. */
function requireDatatypes(references: References, places: readonly Place[], published: boolean): void {
  const seen = new Set<string>()
  const rest = [...places]
  for (let place = rest.pop(); place !== undefined; place = rest.pop()) {
    for (const [uri, at] of referencesOf(place.definition)) {
      if (seen.has(uri)) continue
      seen.add(uri)
      const pointer = place.pointer ?? `/definition${at}`
      const wanted = { kind: 'datatype', pointer, place: `${place.label}${at}`, published } as const
      const { definition } = requireReferent(references, uri, wanted)
      rest.push({ label: `datatype ${uri} at `, pointer, definition })
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
