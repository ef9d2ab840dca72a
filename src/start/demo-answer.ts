import { DuckDBInstance } from '@duckdb/node-api'
import { loadTable, planScan, type ObjectStore, type Table } from '../lake/index.ts'

export interface DayOfQuakes {
  readonly day: string
  readonly quakes: number
  readonly strongest: number
  readonly place: string
  readonly medianKm: number
}

/**
 * Asks DuckDB, straight from the table's Parquet files, what each day brought. The files are those of
 * the snapshot that the API names: the table's folder is the whole interface, no Pulse process is asked.
 */
export async function askTheFiles(
  objects: ObjectStore,
  location: string,
  snapshotId: string,
): Promise<{ files: number; days: DayOfQuakes[] }> {
  const { files } = await planScan(objects, await tableAt(objects, location, snapshotId), Number(snapshotId))
  const paths = await Promise.all(files.map((file) => objects.localCopy(file.location)))
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '256MB', threads: '1' })
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    const list = paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(', ')
    const answer = await connection.runAndReadAll(`
      SELECT strftime("timestamp", '%Y-%m-%d') AS day, count(*)::INTEGER AS quakes, max(properties.mag) AS strongest,
             arg_max(properties.place, properties.mag) AS place, median(geometry.coordinates[3]) AS median_km
      FROM read_parquet([${list}], hive_partitioning = false)
      GROUP BY day ORDER BY day`)
    const days = answer.getRows().map(([day, quakes, strongest, place, medianKm]) => ({
      day: String(day),
      quakes: Number(quakes),
      strongest: Number(strongest),
      place: String(place),
      medianKm: Number(medianKm),
    }))
    return { files: files.length, days }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** The newest metadata in the table's folder that still keeps the snapshot. */
async function tableAt(objects: ObjectStore, location: string, snapshotId: string): Promise<Table> {
  const versions: string[] = []
  for await (const object of objects.list(`${location}/metadata/`)) {
    if (object.location.endsWith('.metadata.json')) versions.push(object.location)
  }
  for (const version of versions.sort().reverse()) {
    const table = await loadTable(objects, version)
    if (table.snapshots.some((snapshot) => String(snapshot.id) === snapshotId)) return table
  }
  throw new Error(`${location} keeps no snapshot ${snapshotId}`)
}
