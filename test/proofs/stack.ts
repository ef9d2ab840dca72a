import type { Proof } from './proof.ts'

/** Logs that name whose trouble it is, secrets that stay inside, and files of the stack that fit each other. */
export const PROOFS: readonly Proof[] = [
  {
    number: 22,
    promise: 'A failure of any route is told with tenant, dataset, trace, event and code',
    test: 'test/api/failure-lines.test.ts',
    name: 'whatever breaks below any route, its line names tenant, dataset, trace and code',
    mutation: {
      file: 'src/api/server.ts',
      from: '      tenant: request.tenant?.slug,',
      to: '',
    },
  },
  {
    number: 22,
    promise: 'A failure of any stage is told with tenant, dataset, trace, event and code',
    test: 'test/ingest/failure-lines.test.ts',
    name: 'each way a stage fails has its line: unknown, unconvertible, lake away, table gone, commit unanswered',
    mutation: {
      file: 'src/telemetry/log.ts',
      from: "  const place = own['trace_id'] === undefined ? { trace_id: trace?.traceId, span_id: trace?.spanId } : {}",
      to: '  const place = {}',
    },
  },
  {
    number: 22,
    promise: 'No announcement can forget its code',
    test: 'test/telemetry/log-secrets.test.ts',
    name: 'every line of a failure has a code, and the tenant, dataset and trace that it concerns',
    mutation: {
      file: 'src/telemetry/log.ts',
      from: "      const error = 'error' in entry ? entry.error(said) : undefined",
      to: '      const error = undefined',
    },
  },
  {
    number: 23,
    promise: 'No secret is in a line, whatever member of whatever announcement it came in',
    test: 'test/telemetry/log-secrets.test.ts',
    name: 'secrets poured into every member of every announcement are in no line, and every line is written',
    mutation: {
      file: 'src/telemetry/redact.ts',
      from: '  if (SUSPECT.test(clean)) for (const [pattern, instead] of PATTERNS) clean = clean.replace(pattern, instead)',
      to: '',
    },
  },
  {
    number: 23,
    promise: 'No secret and no payload leaves by a log line, span, metric or error body of the running system',
    test: 'test/e2e/secrets.test.ts',
    name: 'what is poured in at every door is in no log line, no span, no metric and no error body',
    mutation: {
      file: 'src/collect/examine.ts',
      from: '      message: isSlug(event.dataset)',
      to: "      message: event.dataset !== ''",
    },
  },
  {
    number: 24,
    promise: 'Every event of the log is declared and documented, and every declared one is said',
    test: 'test/telemetry/log-events.test.ts',
    name: 'every event that a line can have is declared, documented, and said by some stage',
    mutation: {
      file: 'src/start/bus.ts',
      from: "announce('bus.recovered', { detail })",
      to: "announce('bus.was_recovered' as 'bus.recovered', { detail })",
    },
  },
  {
    number: 30,
    promise: 'What the stack publishes is on loopback and on the founding ports',
    test: 'test/deploy/compose.test.ts',
    name: 'the ports of the founding page are published, no other, and on loopback only',
    mutation: { file: 'deploy/compose.yaml', from: '      - 127.0.0.1:3000:3000', to: '      - 3000:3000' },
  },
  {
    number: 30,
    promise: 'Every file of the stack can be read, and names what is there',
    test: 'test/deploy/configs.test.ts',
    name: 'every reference in an Alloy file is to a component of it, and every variable is given',
    mutation: {
      file: 'deploy/alloy/config.alloy',
      from: '	targets    = discovery.relabel.here.output',
      to: '	targets    = discovery.relabel.there.output',
    },
  },
  {
    number: 30,
    promise: 'Grafana, Prometheus and what they look for fit each other',
    test: 'test/deploy/wiring.test.ts',
    name: 'Prometheus scrapes every process of Pulse at its port and path, and finds its rules and its Alertmanager',
    mutation: {
      file: 'deploy/prometheus/prometheus.yml',
      from: '          - worker:9100',
      to: '          - worker:9101',
    },
  },
]
