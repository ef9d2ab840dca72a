import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { wantsOpenMetrics } from '../../src/telemetry/negotiate.ts'

const CASES: readonly [accept: string | undefined, open: boolean, why: string][] = [
  [undefined, false, 'no header'],
  ['', false, 'an empty header'],
  ['*/*', false, 'curl'],
  ['text/html,application/xhtml+xml,*/*;q=0.8', false, 'a browser'],
  ['text/plain', false, 'text alone'],
  ['application/openmetrics-text', true, 'OpenMetrics of any version'],
  ['application/openmetrics-text; version=1.0.0; charset=utf-8', true, 'OpenMetrics 1.0.0'],
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    true,
    'Prometheus 2.42',
  ],
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    true,
    'Prometheus 3',
  ],
  ['application/openmetrics-text;version=0.0.1', false, 'a version that is not written'],
  ['application/openmetrics-text;q=0,text/plain', false, 'OpenMetrics refused'],
  ['text/plain;q=0.9,application/openmetrics-text;q=0.5', false, 'text preferred'],
  ['application/openmetrics-text;q=banana', false, 'an unreadable quality'],
  ['application/*', true, 'a range that OpenMetrics alone matches'],
  ['TEXT/PLAIN;Q=0.1, APPLICATION/OPENMETRICS-TEXT', true, 'upper case'],
  ['x'.repeat(10_000), false, 'a huge header'],
]

for (const [accept, open, why] of CASES) {
  test(`${why} is answered with ${open ? 'OpenMetrics' : 'text'}`, () => assert.equal(wantsOpenMetrics(accept), open))
}

test('no Accept header makes negotiation throw', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (accept) => typeof wantsOpenMetrics(accept) === 'boolean'))
})
