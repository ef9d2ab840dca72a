import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compose } from '../../src/pdm/compose.ts'
import type { Definition } from '../../src/pdm/keywords.ts'

const text = { type: 'string' }
const object = (properties: object): Definition => ({ type: 'object', properties })
const DATATYPES: Readonly<Record<string, Definition>> = {
  'urn:place': object({ city: text, country: { $ref: 'urn:country' } }),
  'urn:country': object({ code: text }),
}

test('each place names the parts that say something of it, and the datatype that each took it from', () => {
  const { origins } = compose({
    class: { uri: 'urn:class', definition: object({ timestamp: text, user: text }) },
    fieldGroups: [
      {
        uri: 'urn:group',
        definition: object({ home: { $ref: 'urn:place' }, visits: { type: 'array', items: { $ref: 'urn:place' } } }),
      },
    ],
    definition: {
      ...object({
        user: { maxLength: 10 },
        page: text,
        local: { $ref: '#/$defs/own' },
        by: { type: 'object', additionalProperties: text },
      }),
      $defs: { own: object({ x: text }) },
    },
    resolve: (uri) => DATATYPES[uri],
  })
  const told = Object.fromEntries(
    Object.entries(origins?.places ?? {}).map(([place, parts]) => [
      place,
      parts.map((at) => {
        const part = origins?.parts[at]
        return `${part?.uri ?? 'own'}${part?.datatype === undefined ? '' : ` by ${part.datatype}`}`
      }),
    ]),
  )
  const byPlace = ['urn:group by urn:place']
  const byCountry = ['urn:group by urn:country']
  assert.deepEqual(told, {
    '/timestamp': ['urn:class'],
    '/user': ['urn:class', 'own'],
    '/home': byPlace,
    '/home/city': byPlace,
    '/home/country': byCountry,
    '/home/country/code': byCountry,
    '/visits': ['urn:group'],
    '/visits/*': byPlace,
    '/visits/*/city': byPlace,
    '/visits/*/country': byCountry,
    '/visits/*/country/code': byCountry,
    '/page': ['own'],
    '/local': ['own'],
    '/local/x': ['own'],
    '/by': ['own'],
    '/by/*': ['own'],
  })
})
