import { ERRORS, EVENTS, TIERS, trim, type Tier } from '../burn.ts'
import { SLOS, type Slo } from '../slos.ts'
import { SHARE, type Alert, type Explained } from './alert.ts'
import { AFTER } from './explained.ts'

/** Where a burn is looked at. */
const DASHBOARD: Readonly<Record<string, Alert['dashboard']>> = {
  'collect-availability': 'collect',
  'collect-latency': 'collect',
  freshness: 'freshness',
  integrity: 'integrity',
  preview: 'api',
}

const PAGES_AFTER: Explained = { ...AFTER, only: { grade: 'page' } }
/** A bus that does not acknowledge pages sooner than any burn, and it is what they would say. */
const BUS: Explained = { ...PAGES_AFTER, where: { of: 'PulsePublishFailing' } }
/** What fails at the door for another reason is paged as that: collect's availability burns first and stops last of them. */
const DOOR: Explained = { by: 'PulseCollectAvailabilityBurn', where: { grade: 'page' }, only: { grade: 'page' } }
const EXPLAINED: Readonly<Record<string, readonly Explained[]>> = {
  'collect-availability': [BUS],
  'collect-latency': [BUS, DOOR],
  preview: [DOOR, PAGES_AFTER],
  freshness: [PAGES_AFTER],
  integrity: [{ by: 'PulseCanaryLost', only: { grade: 'page' } }, PAGES_AFTER],
}

function burn(slo: Slo, { factor, long, short, wait, grade }: Tier): Alert {
  const limit = trim(factor * (1 - slo.objective))
  const over = (window: Tier['long']): string => `${ERRORS(window)}{slo="${slo.slug}"} > ${limit}`
  return {
    name: slo.alert,
    expr: () =>
      [over(long), `and on (slo) ${over(short)}`, `and on (slo) ${EVENTS}{slo="${slo.slug}"} > ${slo.fewest}`].join(
        '\n',
      ),
    wait,
    grade,
    labels: { window: long },
    carries: ['slo'],
    summary: `Too often it is not so that ${slo.title}`,
    description: `${SHARE} of ${slo.unit} over ${long} were not as promised (${trim(100 * (1 - slo.objective))}% may be, over 30 days), and it goes on: that spends the budget ${factor} times as fast as it lasts.`,
    dashboard: DASHBOARD[slo.slug] ?? 'home',
    explained: [
      ...(EXPLAINED[slo.slug] ?? []),
      // While somebody is awake for it, nobody needs the ticket.
      { by: slo.alert, where: { grade: 'page' }, only: { grade: 'ticket' }, same: ['slo'] },
    ],
  }
}

/** Four for each SLO: two that wake somebody, two that do not. */
export const BURNS: readonly Alert[] = SLOS.flatMap((slo) => TIERS.map((tier) => burn(slo, tier)))
