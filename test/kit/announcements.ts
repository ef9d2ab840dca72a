import type { AnnouncementName, Announcements } from '../../src/telemetry/index.ts'

const SPAN = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: false }

/** What the larger announcements say where a test does not care. */
const USUAL: { readonly [N in AnnouncementName]?: Announcements[N] } = {
  'api.request.finished': {
    method: 'POST',
    route: '/v1/collect',
    status: 202,
    tookMs: 1,
    requestId: 'r',
    startedAtMs: 0,
    ...SPAN,
  },
  'collect.settled': {
    tenant: 'acme',
    dataset: 'orders',
    accepted: 0,
    rejected: 0,
    failed: 0,
    bytes: 0,
    reasons: {},
    traceId: SPAN.traceId,
  },
  'worker.records.consumed': { tenant: 'acme', dataset: 'orders', records: 1, bytes: 1, freshness: [] },
  'worker.share.changed': { worker: 'w', owned: 0, claimed: [], released: [], lost: [], members: 1 },
  'worker.flush.failed': {
    flushId: 'f',
    tenant: 'acme',
    dataset: 'orders',
    code: 'lake_away',
    detail: 'away',
    retryInMs: 0,
    trigger: 'age',
    outcome: 'retried',
    startedAtMs: 0,
    tookMs: 0,
    span: SPAN,
  },
  'worker.flush.committed': {
    flushId: 'f',
    tenant: 'acme',
    dataset: 'orders',
    table: 'pulse_acme.orders',
    snapshotId: '1',
    records: 0,
    rows: 0,
    duplicates: 0,
    deadLetters: 0,
    files: 0,
    bytes: 0,
    tookMs: 0,
    offsets: [],
    attempts: 1,
    trigger: 'age',
    startedAtMs: 0,
    committedAtMs: 0,
    freshness: [],
    watermarkMs: 0,
    snapshots: undefined,
    metadataBytes: undefined,
    span: SPAN,
    contexts: [],
    contextsLeftOut: 0,
    steps: [],
  },
}

/** An announcement with what a test cares about, and usual values for the rest. */
export function said<N extends AnnouncementName>(name: N, some: Partial<Announcements[N]> = {}): Announcements[N] {
  return { ...USUAL[name], ...some } as Announcements[N]
}
