import {
  openCollect,
  type CollectAnswer,
  type CollectBinding,
  type CollectLimits,
  type Verdict,
} from '../../src/collect/index.ts'
import type { OutgoingRecord, Publisher, PublishVerdict } from '../../src/bus/index.ts'
import { traceparentOf } from '../../src/event/index.ts'
import { compileValidator, compose, SYSTEM_CLASSES } from '../../src/pdm/index.ts'
import { Problem } from '../../src/problems/index.ts'

/** The room of collect by itself: datasets by slug, a bus in memory that answers as it is told. */
interface CollectGround {
  collect(sent: SentToCollect): Promise<Answer>
  /** What reached the bus, in order. */
  readonly records: OutgoingRecord[]
  /** The bus's next verdicts; all are acknowledged where nothing is said. */
  answerWith(verdict: (record: OutgoingRecord, index: number) => PublishVerdict): void
  setPending(bytes: number): void
  /** Slugs that were asked for because they were not known. */
  readonly asked: string[]
}

interface SentToCollect {
  readonly contentType?: string | undefined
  readonly contentEncoding?: string | undefined
  readonly idempotencyKey?: string | undefined
  readonly body: Buffer | string
}

/** An answer as HTTP would show it. */
export interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly detail: string | undefined
  readonly results: readonly Verdict[]
  readonly counts?: readonly [accepted: number, rejected: number, failed: number]
  readonly retryAfterSeconds?: number | undefined
  readonly shed?: string | undefined
}

export const TENANT = '018f4c6e-0000-7000-8000-00000000000a'
export const TRACE = traceparentOf('0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331', false)
const LIMITS: CollectLimits = {
  maxBodyBytes: 16 << 20,
  maxEventBytes: 1 << 20,
  maxEvents: 10_000,
  maxDepth: 64,
  maxPendingBytes: 64 << 20,
}

export function bindingOf(slug: string, definition: object): CollectBinding {
  const composed = compose({
    definition: definition as { [keyword: string]: unknown },
    class: SYSTEM_CLASSES[1],
    fieldGroups: [],
    resolve: () => undefined,
  })
  return {
    datasetId: '018f4c6e-0000-7000-8000-000000000d01',
    datasetSlug: slug,
    schemaId: '018f4c6e-0000-7000-8000-000000000c01',
    validate: compileValidator(composed),
  }
}

export function collectInto(
  datasets: Readonly<Record<string, object>>,
  options: { readonly limits?: Partial<CollectLimits>; readonly cold?: boolean; readonly lookUpFails?: boolean } = {},
): CollectGround {
  const bindings = new Map(Object.entries(datasets).map(([slug, definition]) => [slug, bindingOf(slug, definition)]))
  const records: OutgoingRecord[] = []
  const asked: string[] = []
  let verdict: (record: OutgoingRecord, index: number) => PublishVerdict = () => null
  const pending = { records: 0, bytes: 0, oldestAgoMs: undefined }
  const publisher: Publisher = {
    pending,
    async publish(outgoing) {
      const verdicts = outgoing.map(verdict)
      for (const [index, record] of outgoing.entries()) if (verdicts[index] === null) records.push(record)
      return verdicts
    },
    async [Symbol.asyncDispose]() {},
  }
  const collect = openCollect({
    bindings: {
      peek: (_tenant, slug) => (options.cold === true ? undefined : bindings.get(slug)),
      async bySlug(_tenant, slug) {
        asked.push(slug)
        if (options.lookUpFails === true)
          throw new Problem('dependency_away', 'The record is away.', { retryAfterSeconds: 1 })
        return bindings.get(slug)
      },
    },
    publisher,
    limits: { ...LIMITS, ...options.limits },
  })
  return {
    records,
    asked,
    answerWith: (next) => void (verdict = next),
    setPending: (bytes) => void (pending.bytes = bytes),
    async collect(sent) {
      const request = {
        tenantId: TENANT,
        tenantSlug: 'acme',
        contentEncoding: sent.contentEncoding,
        idempotencyKey: sent.idempotencyKey,
        body: Buffer.from(sent.body),
        trace: TRACE,
      }
      try {
        return shown(
          await collect({ ...request, contentType: 'contentType' in sent ? sent.contentType : 'application/json' }),
        )
      } catch (error) {
        if (error instanceof Problem)
          return {
            status: error.status,
            code: error.code,
            detail: error.message,
            results: [],
            retryAfterSeconds: error.retryAfterSeconds,
            shed: error.shed,
          }
        throw error
      }
    },
  }
}

function shown(answer: CollectAnswer): Answer {
  const counts = [answer.accepted, answer.rejected, answer.failed] as const
  if (answer.kind === 'accepted') {
    const body = JSON.parse(answer.body) as { results: Verdict[]; accepted: number; rejected: number; failed: number }
    return {
      status: answer.status,
      code: undefined,
      detail: undefined,
      results: body.results,
      counts: [body.accepted, body.rejected, body.failed],
    }
  }
  const { problem } = answer
  const results = problem.members?.['results'] as Verdict[]
  return {
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    results,
    counts,
    retryAfterSeconds: problem.retryAfterSeconds,
  }
}
