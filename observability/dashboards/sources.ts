import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common'
import { DataqueryBuilder as LogsQuery, LokiQueryDirection } from '@grafana/grafana-foundation-sdk/loki'
import { DataqueryBuilder as MetricsQuery, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { DataqueryBuilder as TracesQuery, SearchTableType } from '@grafana/grafana-foundation-sdk/tempo'

/** The datasources by their fixed uids, so that a dashboard works where it is put, without an import. */
export const PROMETHEUS: DataSourceRef = { type: 'prometheus', uid: 'pulse-prometheus' }
export const LOKI: DataSourceRef = { type: 'loki', uid: 'pulse-loki' }
export const TEMPO: DataSourceRef = { type: 'tempo', uid: 'pulse-tempo' }

/** One query of a panel, and how its results are named. */
export interface Asked {
  readonly expr: string
  /** Grafana's legend: `{{label}}` for labels. */
  readonly as?: string
}

/** Over time, for lines. `exemplars` brings the diamonds that lead to traces. */
export const overTime = ({ expr, as }: Asked, refId: string, exemplars = false): MetricsQuery => {
  const query = new MetricsQuery().datasource(PROMETHEUS).refId(refId).expr(expr).range().exemplar(exemplars)
  return as === undefined ? query : query.legendFormat(as)
}

/** As it is now, for tables. */
export const now = ({ expr, as }: Asked, refId: string): MetricsQuery => {
  const query = new MetricsQuery()
    .datasource(PROMETHEUS)
    .refId(refId)
    .expr(expr)
    .instant()
    .format(PromQueryFormat.Table)
  return as === undefined ? query : query.legendFormat(as)
}

/** By bucket over time, for heatmaps. */
export const byBucket = (expr: string, exemplars: boolean): MetricsQuery =>
  new MetricsQuery()
    .datasource(PROMETHEUS)
    .refId('A')
    .expr(expr)
    .range()
    .format(PromQueryFormat.Heatmap)
    .legendFormat('{{le}}')
    .exemplar(exemplars)

/** Lines of Loki, the newest first, or numbers made of them. */
export const logLines = (expr: string, lines = 200): LogsQuery =>
  new LogsQuery()
    .datasource(LOKI)
    .refId('A')
    .expr(expr)
    .queryType('range')
    .maxLines(lines)
    .direction(LokiQueryDirection.Backward)
export const logCounts = (expr: string): LogsQuery =>
  new LogsQuery().datasource(LOKI).refId('A').expr(expr).queryType('instant')

/** Traces of Tempo that a TraceQL query finds. */
export const traces = (query: string, limit = 20): TracesQuery =>
  new TracesQuery()
    .datasource(TEMPO)
    .refId('A')
    .queryType('traceql')
    .query(query)
    .limit(limit)
    .tableType(SearchTableType.Traces)
