import type { SpanAttributes } from './span.ts'

/** Whose it is, by the names that people use: slugs, as in the metrics' labels and the log's fields. */
export const whose = (said: {
  readonly tenant?: string | undefined
  readonly dataset?: string | undefined
}): SpanAttributes => ({ 'pulse.tenant.id': said.tenant, 'pulse.dataset.id': said.dataset })

/** What OpenTelemetry's conventions ask of a span that has to do with a topic. */
export const messaging = (operation: 'send' | 'process', topic: string, template: string): SpanAttributes => ({
  'messaging.system': 'kafka',
  'messaging.operation.name': operation,
  'messaging.operation.type': operation,
  'messaging.destination.name': topic,
  'messaging.destination.template': template,
})
