import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { DEFINITION, eventOf, nameBasedId, readEarthquakes } from '../../src/start/demo-earthquakes.ts'

test('the demo carries 1,707 real earthquakes, each with an id of its own that never changes', async () => {
  const quakes = await readEarthquakes()
  assert.equal(quakes.length, 1_707)
  const ids = quakes.map((quake) => eventOf(quake, 'earthquakes').event_id)
  assert.equal(new Set(ids).size, 1_707)
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(nameBasedId('usgs:ci37868143'), '85c92269-addf-81f1-a1a0-3d76ddfac10e')
})

test('the demo’s schema says everything that the earthquakes hold, and nothing else is let in', async () => {
  const closed = structuredClone(DEFINITION) as Record<string, unknown>
  close(closed)
  const validate = new Ajv2020({ allErrors: true, strict: false, validateFormats: false }).compile(closed)
  for (const quake of await readEarthquakes()) {
    const { data } = eventOf(quake, 'earthquakes')
    assert.ok(validate(data), JSON.stringify(validate.errors?.slice(0, 2)))
  }
  assert.equal(validate({ ...eventOf((await readEarthquakes())[0] as never, 'x').data, extra: 1 }), false)
})

/** What composing does to a definition that says nothing about further properties. */
function close(schema: unknown): void {
  if (typeof schema !== 'object' || schema === null) return
  for (const inner of Object.values(schema)) close(inner)
  if ('properties' in schema && 'type' in schema && schema.type === 'object')
    Object.assign(schema, { additionalProperties: false })
}
