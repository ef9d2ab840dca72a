import { tmpdir } from 'node:os'
import { loadTable, openDuckDb, planScan, quoteText, type ObjectStore, type Table } from '../lake/index.ts'

interface DayOfQuakes {
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
  const table = await tableAt(objects, location, snapshotId)
  const kept = table.snapshots.find((snapshot) => String(snapshot.id) === snapshotId)
  const { files } = await planScan(objects, table, kept?.id)
  const paths = await Promise.all(files.map((file) => objects.localCopy(file.location)))
  await using duckdb = await openDuckDb({ tempDir: tmpdir(), memoryLimit: '256MB' })
  const connection = await duckdb.connect()
  try {
    const answer = await connection.runAndReadAll(`
      SELECT strftime("timestamp", '%Y-%m-%d') AS day, count(*)::INTEGER AS quakes, max(properties.mag) AS strongest,
             arg_max(properties.place, properties.mag) AS place, median(geometry.coordinates[3]) AS median_km
      FROM read_parquet([${paths.map(quoteText).join(', ')}], hive_partitioning = false)
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
