import assert from 'node:assert/strict'
import { test } from 'node:test'
import { causeOf, rootCause, whyClosed } from '../../src/bus/causes.ts'
import { openBus } from '../../src/bus/index.ts'
import { BusUnreachable } from '../../src/bus/port.ts'

const within = (message: string): Error =>
  new Error('Connection to a:1 failed.', { cause: new AggregateError([new Error(message)]) })

test('what a broker says on the way in names the setting that answers it', () => {
  const said: readonly (readonly [string, RegExp])[] = [
    ['SASL authentication failed.', /PULSE_KAFKA_SASL_PASSWORD/],
    ['The broker does not support the requested SASL mechanism.', /check PULSE_KAFKA_SASL_MECHANISM/],
    ['Request is not valid given the current SASL state.', /unset PULSE_KAFKA_SASL_MECHANISM/],
    ['Broker requires TLS.', /PULSE_KAFKA_TLS=true/],
    ['Client network socket disconnected before secure TLS connection was established', /unset PULSE_KAFKA_TLS/],
    ['unable to verify the first certificate', /PULSE_KAFKA_TLS_CA_FILE/],
    ["Hostname/IP does not match certificate's altnames: Host: b", /PULSE_KAFKA_BROKERS/],
    ["ENOENT: no such file or directory, open '/ca.pem'", /_CERT_FILE/],
    ['Connection closed', /PULSE_KAFKA_TLS and PULSE_KAFKA_SASL_MECHANISM/],
  ]
  for (const [message, setting] of said) {
    assert.match(whyClosed(within(message)), setting, message)
    assert.ok(whyClosed(within(message)).startsWith(message.replace(/\.$/, '')), 'what was said comes first')
  }
  assert.equal(whyClosed(within('connect ECONNREFUSED a:1')), 'connect ECONNREFUSED a:1')
})

test('a connection that was lost later has no meaning added', () => {
  assert.equal(causeOf(within('Connection closed')), rootCause(within('Connection closed')))
  assert.match(causeOf(new BusUnreachable('x', { cause: within('Broker requires TLS.') })), /PULSE_KAFKA_TLS=true/)
})

test('a certificate file that is not there is a bus that cannot be reached, with the name of the file', async () => {
  await using bus = openBus({
    brokers: ['127.0.0.1:1'],
    clientId: 'test',
    publishTimeoutMs: 500,
    tls: { caFile: '/nowhere/ca.pem' },
  })
  await assert.rejects(bus.ping(2_000), (error: Error) => {
    assert.equal(error.name, 'BusUnreachable')
    assert.match(error.message, /\/nowhere\/ca\.pem.*PULSE_KAFKA_TLS_CA_FILE/)
    return true
  })
})
