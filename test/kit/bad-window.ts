/** Everything bad that may come to where Pulse is looked at, as data: heads and names that somebody chose. */

const ID = '0af7651916cd43dd8448eb211c80319c'
const STRANGER = `00-${ID}-b7ad6b7169203331-01`

/** `traceparent` headers. `obeyed`: none, from a tenant that nobody trusts; each answer has a trace of its own. */
export const TRACEPARENTS: readonly string[] = [
  STRANGER,
  `01-${ID}-b7ad6b7169203331-01-what-a-later-version-adds`,
  `ff-${ID}-b7ad6b7169203331-01`,
  `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
  `00-${ID}-${'0'.repeat(16)}-01`,
  `00-${ID.toUpperCase()}-B7AD6B7169203331-01`,
  `${STRANGER}-more`,
  `${STRANGER}, ${STRANGER}`,
  STRANGER.slice(0, -1),
  '',
  '-',
  `"><script>'; DROP TABLE tenants; --`,
  '\u00ff\u00fe',
  `00-${'a'.repeat(8_000)}-b7ad6b7169203331-01`,
  `${'00-'.repeat(4_000)}01`,
]

/** `Accept` headers; undefined: none. */
export const ACCEPTS: readonly (string | undefined)[] = [
  undefined,
  '',
  '*/*',
  'text/plain',
  'text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0',
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
  'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,text/plain;q=0.1',
  'application/openmetrics-text;q=nonsense',
  'application/openmetrics-text;q=1e9',
  'application/openmetrics-text;version="1.0.0\\""',
  'application/json',
  ';;;,,,===',
  '\u00ff\u00fe',
  `${'text/plain;q=0.1,'.repeat(400)}*/*`,
  `application/openmetrics-text;${'a'.repeat(8_000)}`,
]

/** Names that would break a label, a line, a query or a regular expression, if any door let them in. */
export const NAMES: readonly string[] = [
  'a"b',
  "a'b",
  'a\\b',
  'a\nb',
  'a\r\nx: y',
  'a\u0000b',
  '{tenant="other"}',
  '.*',
  '(a+)+$',
  '$tenant',
  '`x`',
  'Groß',
  '🜁',
  '\ud800',
  ' ',
  '-',
  '__proto__',
  '_other',
  '_unknown',
  'x'.repeat(64),
  'x'.repeat(10_240),
  '"\n'.repeat(5_120),
]
