import { API, CODE } from '../../wire/codes.ts'
import type { Answer, ApiEntry, Call } from './call.ts'
import { describeConfigs } from './configs.ts'
import { fetch } from './fetch.ts'
import { metadata } from './metadata.ts'
import { listOffsets } from './offsets.ts'
import { produce } from './produce.ts'
import { findCoordinator, initProducerId } from './producers.ts'
import { deleteRecords } from './records.ts'
import { createPartitions, createTopics, deleteTopics } from './topics.ts'

/**
 * What the embedded bus speaks. The upper ends are what the client of Pulse, librdkafka and Kafka's Java clients need;
 * the lower ends are where Kafka 4 itself begins (KIP-896), or below where an older client costs nothing.
 */
export const APIS: ReadonlyMap<number, ApiEntry> = new Map<number, ApiEntry>([
  [API.produce, { least: 3, most: 11, flexibleFrom: 9, handler: produce }],
  [API.fetch, { least: 4, most: 17, flexibleFrom: 12, handler: fetch }],
  [API.listOffsets, { least: 1, most: 9, flexibleFrom: 6, handler: listOffsets }],
  [API.metadata, { least: 0, most: 12, flexibleFrom: 9, handler: metadata }],
  [API.findCoordinator, { least: 0, most: 4, flexibleFrom: 3, handler: findCoordinator }],
  [API.apiVersions, { least: 0, most: 4, flexibleFrom: 3, handler: apiVersions }],
  [API.createTopics, { least: 2, most: 7, flexibleFrom: 5, handler: createTopics }],
  [API.deleteTopics, { least: 1, most: 6, flexibleFrom: 4, handler: deleteTopics }],
  [API.deleteRecords, { least: 0, most: 2, flexibleFrom: 2, handler: deleteRecords }],
  [API.initProducerId, { least: 0, most: 5, flexibleFrom: 2, handler: initProducerId }],
  [API.describeConfigs, { least: 1, most: 4, flexibleFrom: 4, handler: describeConfigs }],
  [API.createPartitions, { least: 0, most: 3, flexibleFrom: 2, handler: createPartitions }],
])

function apiVersions({ version }: Call): Answer {
  return versionsAnswer(version, CODE.none)
}

/** The table as an answer. A client that asks in a version from the future is answered in version 0 (KIP-511). */
export function versionsAnswer(version: number, code: number): Exclude<Answer, null> {
  return (out) => {
    out.int16(code)
    out.structs([...APIS], ([key, api]) => out.int16(key).int16(api.least).int16(api.most))
    if (version >= 1) out.int32(0)
    out.tags()
  }
}
