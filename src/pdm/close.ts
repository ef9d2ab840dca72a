import { isObject, mapSubschemas, propertiesOf, typesOf, type Schema, type SchemaObject } from './keywords.ts'

/** Keywords whose subschemas judge the same object, and so may name properties of it. */
const IN_PLACE = new Set(['allOf', 'anyOf', 'oneOf', 'then', 'else', 'dependentSchemas'])
/** Subschemas that are only asked, or judged beside others: closing an object in them would change the answer. */
const UNTOUCHED = new Set(['if', 'not', 'contains', 'propertyNames'])

/** The subschemas that judge the same object. */
function* inPlace(schema: SchemaObject): Generator<SchemaObject> {
  for (const keyword of [...IN_PLACE, 'if']) {
    const value = schema[keyword]
    const list = Array.isArray(value)
      ? value
      : keyword === 'dependentSchemas' && isObject(value)
        ? Object.values(value)
        : [value]
    for (const one of list) if (isObject(one)) yield one
  }
}

/** The properties that only branches (`anyOf`, `then`, …) name: allowed, but of no type that is always theirs. */
export function branchProperties(schema: SchemaObject): ReadonlySet<string> {
  const names = new Set<string>()
  const collect = (branch: SchemaObject): void => {
    for (const name of Object.keys(propertiesOf(branch))) names.add(name)
    for (const deeper of inPlace(branch)) collect(deeper)
  }
  for (const branch of inPlace(schema)) collect(branch)
  for (const name of Object.keys(propertiesOf(schema))) names.delete(name)
  return names
}

const saysOtherwise = (schema: SchemaObject): boolean =>
  'additionalProperties' in schema || 'unevaluatedProperties' in schema

/** Whether a branch opens or closes the object with a statement of its own. */
export const branchSaysOtherwise = (schema: SchemaObject): boolean =>
  [...inPlace(schema)].some((branch) => saysOtherwise(branch) || branchSaysOtherwise(branch))

/**
 * Closes every object that names properties and does not say otherwise. Properties that branches name
 * stay allowed (`unevaluatedProperties`); an object without any is free-form and stays so.
 */
export function close(schema: Schema): Schema {
  if (!isObject(schema)) return schema
  const within = mapSubschemas(schema, (sub, steps) => {
    const keyword = steps[0] as string
    if (UNTOUCHED.has(keyword)) return sub
    return IN_PLACE.has(keyword) ? closeBranch(sub, propertiesOf(schema)) : close(sub)
  })
  if (!needsClosing(schema)) return within
  return branchProperties(schema).size > 0
    ? { ...within, unevaluatedProperties: false }
    : { ...within, additionalProperties: false }
}

/** A branch is not closed itself; objects in it are, where the schema around it does not describe them already. */
function closeBranch(branch: Schema, around: Readonly<Record<string, Schema>>): Schema {
  if (!isObject(branch)) return branch
  return mapSubschemas(branch, (sub, steps) => {
    const keyword = steps[0] as string
    if (UNTOUCHED.has(keyword)) return sub
    if (IN_PLACE.has(keyword)) return closeBranch(sub, { ...around, ...propertiesOf(branch) })
    return keyword === 'properties' && Object.hasOwn(around, steps[1] as string) ? sub : close(sub)
  })
}

function needsClosing(schema: SchemaObject): boolean {
  const types = typesOf(schema)
  if (types !== undefined && !types.includes('object')) return false
  if (saysOtherwise(schema) || branchSaysOtherwise(schema)) return false
  return 'properties' in schema || 'patternProperties' in schema || branchProperties(schema).size > 0
}
