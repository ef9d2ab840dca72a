/** What a definition and a composed schema may be at most. A schema becomes generated code and columns: both must stay small. */
export const DEFINITION_LIMITS = {
  /** Of the definition's JSON text. */
  definitionBytes: 256 * 1024,
  /** Of the composed schema's JSON text, after references were put in place. */
  composedBytes: 1024 * 1024,
  /** Nested subschemas. */
  depth: 32,
  /** JSON nesting of the definition, annotations and enums included. */
  jsonDepth: 100,
  /** Properties in all objects together. */
  properties: 2_000,
  /** Subschemas of all parts together, after references were put in place. */
  nodes: 20_000,
  /** Names and values that `required`, `dependentRequired` and `enum` list in all of these: they are compared with each other. */
  listed: 100_000,
  /** Branches of one `allOf`, which are put together one after the other. */
  allOf: 64,
  /** Branches (`anyOf`, `then`, …) that may judge one value, nested ones included: what an item costs at most. */
  branches: 64,
  /** Names in one `patternProperties`: each name of an event is tested against each. */
  patternProperties: 10,
  patternLength: 1_000,
  /** Of all different patterns together that the automaton runs: compiling one takes some 20 us a step. */
  patternSteps: 20_000,
  propertyNameBytes: 255,
  /** Of the URIs that a definition names: no entity has a longer one. */
  uriLength: 500,
} as const
