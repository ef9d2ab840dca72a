import { makePlace } from '../test/kit/api.ts'
import type { System } from '../test/kit/system.ts'
import { until } from '../test/kit/until.ts'
import type { Books } from './books.ts'
import { eventIdOf } from './load.ts'

/** What `--minutes` cannot wait for is made older in Postgres; the rotation itself is the product's own. */
const WINDOW_DAYS = 7
const EVENTS = 40

/**
 * Turns the ledger past its window under load, and looks at both sides of the edge: an id that is one rotation old is still a repeat,
 * one that is two rotations old is a new row, as docs/operate/limits.md says. In a dataset of its own.
 */
export async function pruneLedger(system: System, books: Books): Promise<readonly { right: boolean; text: string }[]> {
  const definition = {
    type: 'object',
    properties: { timestamp: { type: 'string', format: 'date-time' }, at: { type: 'integer' } },
    required: ['timestamp', 'at'],
  }
  // The fault of the minute may still last.
  const place = await until(
    'a dataset for the edge of the ledger',
    () => makePlace(system.baseUrl, definition, { tenant: `edge-${Date.now().toString(36)}` }),
    60_000,
    500,
  )
  const rows = async (): Promise<number> => (await books.rowsOf(place)).rows
  const send = async (first: number, records: number): Promise<void> => {
    const timestamp = new Date().toISOString()
    const body = Array.from({ length: EVENTS }, (_, more) =>
      JSON.stringify({
        dataset: place.dataset,
        event_id: eventIdOf(7, 0xffff, first + more),
        data: { timestamp, at: first + more },
      }),
    ).join('\n')
    await until(
      'the events to be accepted',
      async () => {
        const answer = await fetch(`${system.baseUrl}/v1/collect`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-ndjson', 'x-tenant-id': place.tenantId },
          body,
          signal: AbortSignal.timeout(10_000),
        })
        return answer.status === 202
      },
      60_000,
      500,
    )
    // What became of each is in the totals, be it no row.
    await until(
      `${records} records to be settled`,
      async () => {
        const [sum] = await books.ask<{ records: string }>(
          'SELECT coalesce(sum(records), 0) AS records FROM flush_totals WHERE dataset_id = $1',
          [place.datasetId],
        )
        return Number(sum?.records) >= records
      },
      120_000,
      500,
    )
  }
  const rotate = async (): Promise<boolean> => {
    await books.ask(`UPDATE ledger_epochs SET opened_at = opened_at - interval '${WINDOW_DAYS} days'`)
    return (await books.ask(`SELECT added FROM public.ledger_rotate(${WINDOW_DAYS})`)).length === 1
  }
  const said: { right: boolean; text: string }[] = []
  const expect = (right: boolean, text: string): void => void said.push({ right, text })

  await send(0, EVENTS)
  expect((await rows()) === EVENTS, `the edge of the ledger: ${EVENTS} events are rows`)
  expect(await rotate(), 'the ledger was rotated under load')
  await send(0, EVENTS * 2)
  expect((await rows()) === EVENTS, 'sent again one rotation later, they are repeats')
  expect(await rotate(), 'the ledger was rotated under load once more')
  await send(0, EVENTS * 3)
  expect((await rows()) === EVENTS * 2, 'sent again past the window, they are new rows')
  return said
}
