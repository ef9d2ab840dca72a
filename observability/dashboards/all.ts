import type { Dashboard as DashboardModel } from '@grafana/grafana-foundation-sdk/dashboard'
import type { Dashboard } from '../../src/telemetry/index.ts'
import { api } from './api.ts'
import { collect } from './collect.ts'
import { freshness } from './freshness.ts'
import { home } from './home.ts'
import { integrity } from './integrity.ts'
import { lake } from './lake.ts'
import { print } from './print.ts'
import { runtime } from './runtime.ts'
import { telemetry } from './telemetry.ts'
import { tenant } from './tenant.ts'
import { worker } from './worker.ts'

/** Every dashboard by its slug, from the whole to the parts. */
const ALL: Readonly<Record<Dashboard, () => DashboardModel>> = {
  home,
  api,
  collect,
  worker,
  lake,
  freshness,
  integrity,
  tenant,
  runtime,
  telemetry,
}

/** As Grafana provisions them: one file each, called by its slug. */
export const dashboardJson = (): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(ALL).map(([slug, make]) => [`${slug}.json`, `${print(make())}\n`]))
