/** A file of `deploy/` that is written from here and never by hand. */
interface GeneratedFile {
  /** Below the repository's root. */
  readonly path: string
  readonly text: string
}

/** Everything under `deploy/` that follows from the catalogue: rules and scraping, then dashboards. */
export function generated(): readonly GeneratedFile[] {
  return [...ruleFiles(), ...dashboardFiles()]
}

function ruleFiles(): readonly GeneratedFile[] {
  return []
}

function dashboardFiles(): readonly GeneratedFile[] {
  return []
}
