import { hostname } from 'node:os'
import manifest from '../../package.json' with { type: 'json' }
import type { Plane } from './catalog/entry.ts'

/** What a log line, a span and `pulse_build_info` say of the process that they come from. */
export interface Resource {
  readonly plane: Plane | 'bus'
  /** `service.name` of spans, `service_name` in Loki. */
  readonly service: string
  readonly version: string
  /** Host and process: unique among those that run at one time. */
  readonly instance: string
}

/** Who speaks from this process. */
export const resourceOf = (plane: Resource['plane']): Resource => ({
  plane,
  service: `pulse-${plane}`,
  version: manifest.version,
  instance: `${hostname()}-${process.pid}`,
})
